package subscribe

import (
	"context"
	"errors"

	"backbone/client"
	"backbone/internal/cli"
	"backbone/internal/config"
	"backbone/protocol"
)

// prefixes is the flag that joins rooms without naming each.
type prefixes struct {
	Prefixes []string `name:"prefix" sep:"none" placeholder:"PREFIX" help:"Join the rooms that have a price and whose names begin with this, and those that get one later. Empty is all rooms. May be given more than once."`
}

func (p *prefixes) checkPrefixes() error {
	for _, prefix := range p.Prefixes {
		if fault := protocol.PrefixFault(prefix); fault != "" {
			return config.Errorf("prefix", "%q: it %s", prefix, fault)
		}
	}
	return nil
}

// join joins what the command line names. The error is a *[client.JoinError] if some rooms are refused, and the
// others are joined.
func (c *Cmd) join(ctx context.Context, conn *client.Conn, wants client.JoinOptions) error {
	var refused error
	if len(c.Rooms) > 0 {
		refused = conn.JoinWith(ctx, wants, c.Rooms...)
	}
	for _, prefix := range c.Prefixes {
		if _, some := errors.AsType[*client.JoinError](refused); refused != nil && !some {
			break
		}
		if err := conn.JoinPrefixWith(ctx, wants, prefix); err != nil {
			if _, limit := errors.AsType[*client.JoinError](err); limit {
				continue // Joined tells it
			}
			if _, told := errors.AsType[*client.RequestError](err); told {
				err = cli.Failf(cli.ExitRefused, "--prefix: %w", err)
			}
			refused = err
		}
	}
	return refused
}
