// Package subscribe is the command that joins rooms and prints what they receive.
package subscribe

import (
	"context"
	"slices"
	"time"

	"backbone/client"
	"backbone/internal/cli"
	"backbone/internal/config"
	"backbone/protocol"
)

// snapshotWait bounds --snapshot-only where --for does not: a server answers within about
// a second, even if it has to ask Redis.
const snapshotWait = 5 * time.Second

// Cmd is the command and its flags.
type Cmd struct {
	Rooms []string `arg:"" name:"room" help:"Rooms to join. A room is an instrument, or any other name for chat."`

	Count        int           `placeholder:"N" help:"Stop after N prices and messages. 0 is no limit."`
	For          time.Duration `placeholder:"DURATION" help:"Stop after this time. Exit code 5 if nothing came. 0 is no limit."`
	SnapshotOnly bool          `help:"Print the last price of each room and stop. Exit code 5 if there is none."`
	MarkEmpty    bool          `help:"Also print rooms that have no last price. On a terminal that is the default."`
	Status       bool          `help:"Also print when a room's feed falls silent or is live again, and when the server loses its connection to the other instances."`
	SilentAfter  time.Duration `placeholder:"DURATION" help:"With --status, when a feed without a price counts as silent. Without it, the server's --last-price-ttl."`
	Heartbeat    time.Duration `placeholder:"DURATION" help:"Ask the server for a sign of life whenever it had nothing to send for so long, and connect again if nothing comes for two and a half times as long. 0 is off."`
	Stamp        bool          `help:"Also say how many prices were missed while there was no connection, and on a terminal how old a last known price is."`
	Latency      bool          `help:"Say on standard error, once a second and at the end, how long ago the prices that came were taken in, and how old the connection makes what is read. Assumes that the clocks of this machine and of the producers' instances agree."`

	cli.Connection  `embed:""`
	cli.Credentials `embed:""`
}

// Help is the examples of this command.
func (*Cmd) Help() string {
	return `backbone subscribe BTC_USDT ETH_USDT
backbone subscribe BTC_USDT --snapshot-only
backbone subscribe BTC_USDT --stamp --latency --for 1m
backbone subscribe BTC_USDT --url wss://prices.example --api-key-file key`
}

// Validate is called by kong.
func (c *Cmd) Validate() error {
	for _, room := range c.Rooms {
		if fault := protocol.RoomFault(room); fault != "" {
			return config.Errorf("", "room %q: the name %s", room, fault)
		}
	}
	switch {
	case c.Count < 0:
		return config.Errorf("count", "must be at least 0, which is no limit, not %d", c.Count)
	case c.For < 0:
		return config.Errorf("for", "must be at least 0, which is no limit, not %v", c.For)
	case c.SilentAfter != 0 && !c.Status:
		return config.Errorf("silent-after", "needs --status")
	case c.SilentAfter < 0 || c.SilentAfter%time.Millisecond != 0:
		return config.Errorf("silent-after", "must be whole milliseconds above 0, not %v", c.SilentAfter)
	case c.Heartbeat < 0 || c.Heartbeat%time.Millisecond != 0:
		return config.Errorf("heartbeat", "must be whole milliseconds, or 0 for none, not %v", c.Heartbeat)
	case c.SnapshotOnly && c.Latency:
		return config.Errorf("snapshot-only", "and --latency exclude each other: leave one out")
	case c.SnapshotOnly && c.Count > 0:
		return config.Errorf("snapshot-only", "and --count exclude each other: leave one out")
	}
	return c.Connection.Validate()
}

// Run prints until it has what was asked for, or ctx ends.
func (c *Cmd) Run(ctx context.Context, s cli.Streams) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := c.GiveTo(&c.Connection); err != nil {
		return err
	}
	opt, err := c.Options()
	if err != nil {
		return err
	}
	conn, err := client.Dial(ctx, c.URL(), &client.ConnOptions{Options: opt, Buffer: cli.EventBuffer, Heartbeat: c.Heartbeat})
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return c.Failure(err)
	}
	defer conn.Close()
	c.Rooms = distinct(c.Rooms)
	c.adapt(s.Pretty())
	joined := make(chan error, 1)
	wishes := client.JoinOptions{MarkEmpty: c.MarkEmpty || c.SnapshotOnly, Status: c.Status, SilentAfter: c.SilentAfter, Stamp: c.Stamp || c.Latency}
	go func() { joined <- conn.JoinWith(ctx, wishes, c.Rooms...) }()

	sub := newSubscription(c, s)
	err = sub.run(ctx, conn, joined)
	sub.sayLatency()
	if flushed := sub.printer.Flush(); err == nil {
		err = flushed
	}
	return err
}

// adapt tells a person at a terminal which rooms have no last price: a name that is misspelt would
// otherwise be silent for ever. --snapshot-only tells it anyway.
func (c *Cmd) adapt(terminal bool) { c.MarkEmpty = c.MarkEmpty || terminal && !c.SnapshotOnly }

// distinct is rooms without those that were named before.
func distinct(rooms []string) []string {
	var once []string
	for _, room := range rooms {
		if !slices.Contains(once, room) {
			once = append(once, room)
		}
	}
	return once
}
