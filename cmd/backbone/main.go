// Command backbone is the whole backbone in one program: the server, and the commands that
// publish to it, subscribe to it, show it and measure it.
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
	// If the reader of a pipe closes its end, a write fails with an error and no signal ends
	// the program.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		stop()
		<-signals // a second one ends the program without waiting
		fmt.Fprintln(os.Stderr, "backbone: second signal: stopped without waiting")
		os.Exit(cli.ExitFailed)
	}()
	os.Exit(run(ctx, os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
}
