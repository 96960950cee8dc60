// Package subscribe is the command that joins rooms and prints what they receive.
package subscribe

import (
	"context"
	"errors"
	"time"

	"backbone/client"
	"backbone/internal/cli"
	"backbone/internal/config"
)

// snapshotWait bounds --snapshot-only where --for does not: a server answers within about
// a second, even if it has to ask Redis.
const snapshotWait = 5 * time.Second

// Cmd is the command and its flags.
type Cmd struct {
	cli.RoomNames `embed:""`

	Count        int           `placeholder:"N" help:"Stop after N prices and messages. 0 is no limit."`
	For          time.Duration `placeholder:"DURATION" help:"Stop after this time. Exit code 5 if nothing came. 0 is no limit."`
	Idle         time.Duration `placeholder:"DURATION" help:"Stop with exit code 5 once no price and no message came for so long. 0 is no limit."`
	SnapshotOnly bool          `help:"Print the last price of each room and stop. Exit code 5 if there is none."`
	MarkEmpty    bool          `help:"Also print rooms that have no last price. On a terminal that is the default."`
	Status       bool          `help:"Also print when a room's feed falls silent or is live again, and when the server loses its connection to the other instances."`
	SilentAfter  time.Duration `placeholder:"DURATION" help:"With --status, when a feed without a price counts as silent. Without it, the server's --last-price-ttl."`
	Heartbeat    time.Duration `placeholder:"DURATION" help:"Ask the server for a sign of life whenever it had nothing to send for so long, and connect again if nothing comes for two and a half times as long. 0 is off."`
	Stamp        bool          `help:"Also say how many prices were missed while there was no connection, and on a terminal how old a last known price is."`
	Latency      bool          `help:"Say on standard error, once a second and at the end, how long ago the prices that came were taken in, and how old the connection makes what is read. Assumes that the clocks of this machine and of the producers' instances agree."`

	prefixes `embed:""`
	output   `embed:""`
	wishes   `embed:""`

	cli.Access `embed:""`
}

// Help is the examples of this command.
func (*Cmd) Help() string {
	return `backbone subscribe BTC_USDT ETH_USDT
backbone subscribe --prefix BTC_
backbone subscribe BTC_USDT --snapshot-only
backbone subscribe BTC_USDT --stamp --latency --for 1m
backbone subscribe BTC_USDT ETH_USDT --max-rate 2 --min-change 0.5%
backbone subscribe BTC_USDT --format '{{.Instrument}},{{.Price}}' > day.csv
backbone subscribe BTC_USDT --url wss://prices.example --api-key-file key`
}

// Validate is called by kong.
func (c *Cmd) Validate() error {
	if err := c.RoomNames.Validate(); err != nil {
		return err
	}
	if err := c.checkPrefixes(); err != nil {
		return err
	}
	if err := c.check(); err != nil {
		return err
	}
	if err := c.checkWishes(); err != nil {
		return err
	}
	switch {
	case c.None() && len(c.Prefixes) == 0:
		return config.Errorf("", "expected a room, as in: backbone subscribe BTC_USDT")
	case c.SnapshotOnly && len(c.Prefixes) > 0:
		return config.Errorf("prefix", "and --snapshot-only exclude each other: name the rooms, \"backbone rooms\" lists them")
	case c.Count < 0:
		return config.Errorf("count", "must be at least 0, which is no limit, not %d", c.Count)
	case c.For < 0:
		return config.Errorf("for", "must be at least 0, which is no limit, not %v", c.For)
	case c.Idle < 0:
		return config.Errorf("idle", "must be at least 0, which is no limit, not %v", c.Idle)
	case c.SilentAfter != 0 && !c.Status:
		return config.Errorf("silent-after", "needs --status")
	case c.SilentAfter < 0 || c.SilentAfter%time.Millisecond != 0:
		return config.Errorf("silent-after", "must be whole milliseconds above 0, not %v", c.SilentAfter)
	case c.Heartbeat < 0 || c.Heartbeat%time.Millisecond != 0:
		return config.Errorf("heartbeat", "must be whole milliseconds, or 0 for none, not %v", c.Heartbeat)
	case c.SnapshotOnly && c.Latency:
		return config.Errorf("snapshot-only", "and --latency exclude each other: leave one out")
	case c.MinChange != "" && c.Raw:
		return config.Errorf("min-change", "and --raw exclude each other: leave one out")
	case c.SnapshotOnly && c.Raw:
		return config.Errorf("snapshot-only", "and --raw exclude each other: leave one out")
	case c.SnapshotOnly && c.Count > 0:
		return config.Errorf("snapshot-only", "and --count exclude each other: leave one out")
	}
	return c.Connection.Validate()
}

// Run prints until it has what was asked for, or ctx ends.
func (c *Cmd) Run(ctx context.Context, s cli.Streams) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := c.Read(ctx, s); err != nil {
		return cli.UnlessOver(ctx, err)
	}
	c.adapt(c.people(s))
	sub := newSubscription(c, s)
	options := client.ConnOptions{Buffer: cli.EventBuffer, Heartbeat: c.Heartbeat}
	if sub.raw != nil {
		options.OnMessage = sub.raw.take(ctx)
	}
	conn, err := c.Dial(ctx, options)
	if conn == nil {
		return err
	}
	defer conn.Close()
	defer cancel() // or OnMessage would wait for the printer, and Close for it
	joined := make(chan error, 1)
	wants := client.JoinOptions{MarkEmpty: c.MarkEmpty || c.SnapshotOnly, Status: c.Status, SilentAfter: c.SilentAfter, Stamp: c.wantsStamps()}
	c.addTo(&wants)
	go func() { joined <- c.join(ctx, conn, wants) }()

	err = sub.run(ctx, conn, joined)
	if sub.table != nil {
		_, failed := sub.printer.Write(sub.table.lines(c.Rooms))
		err = errors.Join(failed, err)
	}
	sub.sayLatency()
	sayLeftOut(s, sub.filter)
	if flushed := sub.printer.Flush(); err == nil {
		err = flushed
	}
	if sub.table != nil {
		sub.sayNear(ctx, conn)
	}
	return err
}

// wantsStamps reports whether something that is to be printed needs stamps.
func (c *Cmd) wantsStamps() bool {
	return c.Stamp || c.Latency || c.template != nil && c.template.stamps
}

// adapt tells a person at a terminal which rooms have no last price: a name that is misspelt would
// otherwise be silent for ever. --snapshot-only tells it anyway, and how old the others are.
func (c *Cmd) adapt(terminal bool) {
	c.MarkEmpty = c.MarkEmpty || terminal && !c.SnapshotOnly
	c.Stamp = c.Stamp || terminal && c.SnapshotOnly
}
