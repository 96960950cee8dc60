// Package record is the command that writes what rooms receive into a file, with the time at which
// it came, so that publish can play it back.
package record

import (
	"context"
	"time"

	"backbone/client"
	"backbone/internal/cli"
	"backbone/internal/config"
)

// Cmd is the command and its flags.
type Cmd struct {
	cli.RoomNames `embed:""`

	Count int           `placeholder:"N" help:"Stop after N prices and messages. 0 is no limit."`
	For   time.Duration `placeholder:"DURATION" help:"Stop after this time. Exit code 5 if nothing came. 0 is no limit."`

	cli.Access `embed:""`
}

// Help is the examples of this command.
func (*Cmd) Help() string {
	return `backbone record BTC_USDT ETH_USDT > day.jsonl # until Ctrl-C
backbone record --rooms-from rooms.txt --for 1h > hour.jsonl`
}

// Validate is called by kong.
func (c *Cmd) Validate() error {
	if err := c.RoomNames.Validate(); err != nil {
		return err
	}
	switch {
	case c.None():
		return config.Errorf("", "expected a room, as in: backbone record BTC_USDT >day.jsonl")
	case c.Count < 0:
		return config.Errorf("count", "must be at least 0, which is no limit, not %d", c.Count)
	case c.For < 0:
		return config.Errorf("for", "must be at least 0, which is no limit, not %v", c.For)
	}
	return c.Connection.Validate()
}

// Run records until ctx ends, or until there is enough.
func (c *Cmd) Run(ctx context.Context, s cli.Streams) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := c.Read(ctx, s); err != nil {
		return cli.UnlessOver(ctx, err)
	}
	conn, err := c.Dial(ctx, client.ConnOptions{Buffer: cli.EventBuffer})
	if conn == nil {
		return err
	}
	if s.Pretty() {
		s.Say("recording to the terminal: > FILE writes a file")
	}
	joined := make(chan error, 1)
	go func() { joined <- conn.JoinWith(ctx, client.JoinOptions{Stamp: true}, c.Rooms...) }()
	r := newRecording(c, s)
	received := r.receive(conn)
	err = r.run(ctx, conn, received, joined)
	conn.Close()
	for range received { // until the goroutine behind it has ended
	}
	return r.outcome(ctx, err)
}
