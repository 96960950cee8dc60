// Command backbone is the whole backbone in one program: the server, and the commands that
// publish to it, subscribe to it, show it and measure it.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"backbone/internal/cli"
	"backbone/internal/telemetry"
)

// How long the end of the program waits for the reader of standard error.
const (
	lastWords = time.Second
	lastShout = 100 * time.Millisecond // after a second signal
)

func main() {
	// If the reader of a pipe closes its end, a write fails with an error and no signal ends
	// the program.
	signal.Ignore(syscall.SIGPIPE)
	stderr := telemetry.NewSink(os.Stderr)
	ctx, stop := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // as nohup has it
		signal.Notify(signals, syscall.SIGHUP)
	}
	go func() {
		<-signals
		stop()
		again := <-signals // ends the program without waiting
		for again == syscall.SIGHUP {
			again = <-signals // a closing terminal sends it several times, and asks for no haste
		}
		_, _ = fmt.Fprintln(stderr, "backbone: second signal: stopped without waiting")
		stderr.Close(lastShout)
		os.Exit(cli.ExitFailed)
	}()
	code := run(ctx, os.Args[1:], cli.Streams{In: os.Stdin, Out: cli.NewOutput(ctx, os.Stdout), Err: stderr})
	stderr.Close(lastWords)
	os.Exit(code)
}
