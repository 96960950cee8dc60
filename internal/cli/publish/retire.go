package publish

import (
	"context"

	"backbone/client"
	"backbone/internal/cli"
	"backbone/internal/config"
	"backbone/internal/human"
	"backbone/protocol"
)

func (c *Cmd) checkRetire(one bool) error {
	if len(c.Retire) == 0 {
		return nil
	}
	if one || c.File != "" {
		return config.Errorf("retire", "excludes events and --file: leave one out")
	}
	for _, name := range c.Retire {
		if !protocol.ValidRoom(name) {
			return config.Errorf("retire", "%s, not %q", protocol.RoomFault(name), name)
		}
	}
	return nil
}

// retire retires instruments, and says of each that it could not be.
func (c *Cmd) retire(ctx context.Context, s cli.Streams, opt client.Options) error {
	ingestor, err := client.DialIngestor(ctx, c.URL(), &client.IngestorOptions{Options: opt})
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return c.Failure(err)
	}
	defer func() { _ = ingestor.CloseNow() }() // each retirement has its own answer
	failed := 0
	for _, name := range c.Retire {
		if err := ingestor.Retire(ctx, name); err != nil {
			failed++
			s.Say("%s: %s", cli.Name(name), human.Error(err))
		}
	}
	if failed > 0 {
		return cli.Failf(cli.ExitRejected, "%s of %d not retired", human.Things(failed, "instrument"), len(c.Retire))
	}
	return nil
}
