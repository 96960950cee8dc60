// Command backbone is the whole backbone in one program: the server, and the terminal
// programs that publish to it, subscribe to it and show it.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"backbone/internal/cli"
)

func main() {
	// A reader that closes its end of a pipe ends the program with an error to handle,
	// not with a signal.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		stop()
		<-signals // a second one ends the program without waiting
		fmt.Fprintln(os.Stderr, "backbone: a second signal: stopped at once")
		os.Exit(cli.ExitFailed)
	}()
	os.Exit(run(ctx, os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
}
