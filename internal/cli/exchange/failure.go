// Package exchange is what commands that read an exchange have in common: the names of
// instruments, prices as the server takes them, and what to say when an exchange is not reached.
package exchange

import (
	"errors"

	"backbone/internal/cli"
	"backbone/internal/feed"
	"backbone/internal/feed/runner"
)

// Failure gives an error of a runner its exit code, and says what to do.
func Failure(e feed.Exchange, address string, err error) error {
	no, refused := errors.AsType[*runner.RefusedError](err)
	switch {
	case err == nil || errors.As(err, new(*cli.ExitError)):
		return err
	case errors.Is(err, runner.ErrRejected):
		return cli.Failf(cli.ExitRefused, "%w (symbols of %s are written as in %s)", err, e.Title, e.Example)
	case refused && (no.Status == 451 || no.Status == 403):
		return cli.Failf(cli.ExitRefused, "%s: %w: it may not serve this country or network; \"backbone feed\" takes a regional address as --exchange-url", e.Title, err)
	case refused:
		return cli.Failf(cli.ExitRefused, "%s: %w: is %s its address? (--exchange-url)", e.Title, err, address)
	case errors.As(err, new(*runner.ConnectError)):
		return cli.Failf(cli.ExitConnect, "cannot connect to %s: %w: is there a way to the network?", address, err)
	}
	return err
}
