// Command backbone is the whole backbone in one program: the server, and the commands that
// publish to it, subscribe to it, show it and measure it.
package main

import (
	"context"
	"fmt"
	"os"
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
	operator := cli.NewOperator()
	signals := newSignals(operator)
	stderr := telemetry.NewSink(os.Stderr)
	ctx, stop := context.WithCancel(context.Background())
	go signals.handle(stop, func() {
		_, _ = fmt.Fprintln(stderr, "backbone: second signal: stopped without waiting")
		stderr.Close(lastShout)
		os.Exit(cli.ExitFailed)
	})
	code := run(ctx, os.Args[1:], operator, cli.Streams{In: os.Stdin, Out: cli.NewOutput(ctx, os.Stdout), Err: stderr})
	stderr.Close(lastWords)
	os.Exit(code)
}
