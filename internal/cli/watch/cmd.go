// Package watch is the command that shows the prices of a server while they change.
package watch

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"backbone/client"
	"backbone/internal/cli"
	"backbone/internal/config"
	"backbone/internal/human"
	"backbone/internal/screen"
	"backbone/protocol"
)

// heartbeat is how often the server is to give a sign of life: a connection without one for two and a half times
// as long is lost.
const heartbeat = 2 * time.Second

// Cmd is the command and its flags.
type Cmd struct {
	Rooms []string `arg:"" optional:"" name:"room" help:"Rooms to join. Without any, all that have a price, and those that get one later. The key a joins further ones."`

	Sort    string        `default:"joined" enum:"joined,name,change,updates,age,latency,conflated" help:"Order of the rows: ${enum}."`
	Filter  string        `placeholder:"TEXT" empty:"flag" help:"Show only rooms whose names have this text."`
	Aging   time.Duration `default:"10s" help:"Age from which on a price is amber."`
	Stale   time.Duration `default:"1m" help:"Age from which on a price is red, and its room silent."`
	MaxRate float64       `placeholder:"N" help:"Ask the server for no more than N prices of a room a second, such as 2 or 0.2: the first at once, then the newest, and always the last. The wait for its turn counts as latency. 0 is each price."`

	MinChange string `placeholder:"CHANGE" help:"Show a price only if it is so far from the one shown of its room: 0.01, or 0.5%. Each price counts as an update, and its age is shown."`

	For time.Duration `placeholder:"DURATION" help:"Stop after this time. 0 is no limit."`

	cli.Access `embed:""`
}

// Help is the examples of this command.
func (*Cmd) Help() string {
	return `backbone watch
backbone watch BTC_USDT ETH_USDT
backbone watch BTC_USDT ETH_USDT EUR/USD --sort change
backbone watch --max-rate 2                   # for a slow line
backbone watch BTC_USDT --url wss://prices.example --api-key-file key`
}

// Validate is called by kong.
func (c *Cmd) Validate() error {
	for _, room := range c.Rooms {
		if fault := protocol.RoomFault(room); fault != "" {
			return config.Errorf("", "room %q: the name %s", room, fault)
		}
	}
	if err := cli.CheckMaxRate(c.MaxRate); err != nil {
		return err
	}
	if err := cli.CheckMinChange(c.MinChange); err != nil {
		return err
	}
	switch {
	case c.Aging <= 0:
		return config.Errorf("aging", "must be above 0, not %v", c.Aging)
	case c.Stale < c.Aging:
		return config.Errorf("stale", "must be at least --aging, %v, not %v", c.Aging, c.Stale)
	case c.Stale%time.Millisecond != 0:
		return config.Errorf("stale", "must be whole milliseconds, not %v", c.Stale)
	case c.For < 0:
		return config.Errorf("for", "must be at least 0, which is no limit, not %v", c.For)
	}
	return c.Connection.Validate()
}

// Run shows the prices until the user quits, ctx ends or the server refuses the client.
func (c *Cmd) Run(ctx context.Context, s cli.Streams) error {
	if !s.Screen() {
		return cli.Failf(cli.ExitUsage, "a screen that changes needs a terminal that can move its cursor (TERM): \"backbone subscribe\" prints lines")
	}
	return c.show(ctx, s)
}

// show connects and shows the screen on any output; options are for tests.
func (c *Cmd) show(ctx context.Context, s cli.Streams, options ...tea.ProgramOption) error {
	if c.For > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, c.For)
		defer stop()
	}
	conn, err := c.Dial(ctx, client.ConnOptions{Buffer: cli.EventBuffer, Heartbeat: heartbeat})
	if conn == nil {
		return err
	}
	defer conn.Close()
	s.Settle() // no line appears within the screen
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	w := newWatcher(conn, client.JoinOptions{MarkEmpty: true, Status: true, SilentAfter: c.Stale, Stamp: true, MaxRate: c.MaxRate}, time.Now())
	if c.MinChange != "" {
		w.board.filter = client.NewChangeFilter(client.MinChange(c.MinChange))
	}
	watched := make(chan error, 1)
	go func() { watched <- w.watch(ctx, distinct(c.Rooms)) }()
	m := newModel(c.Shown(), staleness{c.Aging, c.Stale}, c.Sort, c.Filter, w.ask)
	m.rate = c.MaxRate
	shown := screen.RunModel(ctx, s, m, w.newest, options...)
	stop()
	err = <-watched // the board is its own no more
	for _, line := range summary(w.board.picture(time.Now())) {
		s.Say("%s", line)
	}
	switch {
	case err != nil && conn.Err() != nil:
		return c.Failure(err)
	case err != nil:
		return err
	}
	return shown
}

// distinct is rooms without those that were named before.
func distinct(rooms []string) []string {
	var once []string
	named := map[string]bool{}
	for _, room := range rooms {
		if !named[room] {
			named[room] = true
			once = append(once, room)
		}
	}
	return once
}

// mostRows is how many rooms a summary names.
const mostRows = 5

// summary says what was seen, in lines.
func summary(p picture) []string {
	took := p.at.Sub(p.began)
	line := fmt.Sprintf("watched %s for %v: %s (%s/s)", human.Things(len(p.rows), "room"), took.Round(100*time.Millisecond),
		human.Things(int(p.events), "update"), human.Group(int(float64(p.events)/max(took.Seconds(), 1e-9))))
	if p.conflated > 0 {
		line += fmt.Sprintf(", %s conflated", human.Group(p.conflated))
	}
	if p.outages > 0 {
		line += ", " + human.Things(p.outages, "lost connection")
	}
	if p.lost != nil {
		line += ", and no connection at the end: " + cli.Printable(human.Error(p.lost))
	}
	lines := []string{line}
	var moved []*row
	for i := range p.rows {
		if r := &p.rows[i]; r.price != "" && r.price != r.first {
			moved = append(moved, r)
		}
	}
	slices.SortStableFunc(moved, func(a, b *row) int { return cmp.Compare(math.Abs(b.change()), math.Abs(a.change())) })
	var names []string
	moved = moved[:min(len(moved), mostRows)]
	for _, r := range moved {
		names = append(names, r.room)
	}
	width := min(cli.Width(names), 40)
	for _, r := range moved {
		lines = append(lines, fmt.Sprintf("  %s %9s  %s -> %s, %s", cli.Column(r.room, width), strings.TrimSpace(percent(r.change())), r.first, r.price, human.Things(int(r.updates), "update")))
	}
	return lines
}
