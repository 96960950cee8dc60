// Package top is the command that shows the clients and rooms of instances, and names the slow
// clients and why they are slow.
package top

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"backbone/internal/cli"
	"backbone/internal/config"
	"backbone/internal/overview"
	"backbone/internal/screen"
)

// Cmd is the command and its flags.
type Cmd struct {
	cli.Admin `embed:""`

	Sort     string        `default:"age" enum:"age,queued,conflated,rooms" help:"Order of the clients behind the slow ones: ${enum}."`
	Limit    int           `default:"50" help:"Clients and rooms to ask each instance for, at most 10000."`
	Filter   string        `placeholder:"TEXT" empty:"flag" help:"Show only clients whose address, name, role or instance has this text, and rooms that begin with it."`
	Interval time.Duration `default:"1s" help:"Time between two looks, at least 100ms."`
	Once     bool          `help:"Look once, print, and end: with 1 if an instance does not answer."`
	JSON     bool          `name:"json" help:"With --once: print one JSON object."`
}

// Help is the examples of this command.
func (*Cmd) Help() string {
	return `backbone top
backbone top --admin-url http://10.0.0.7:8081,http://10.0.0.8:8081
backbone top --sort conflated --filter 10.0.
backbone top --once --json`
}

// Validate is called by kong.
func (c *Cmd) Validate() error {
	switch {
	case c.Limit < 1 || c.Limit > overview.MaxRows:
		return config.Errorf("limit", "must be from 1 to %d, not %d", overview.MaxRows, c.Limit)
	case c.Interval < 100*time.Millisecond:
		return config.Errorf("interval", "must be at least 100ms, not %v", c.Interval)
	case c.JSON && !c.Once:
		return config.Errorf("json", "needs --once")
	}
	return c.Admin.Validate()
}

// Run shows the table until the user quits or ctx ends.
func (c *Cmd) Run(ctx context.Context, s cli.Streams) error {
	if c.Once {
		return c.once(ctx, s)
	}
	if !s.Screen() {
		return cli.Failf(cli.ExitUsage, "a table that changes needs a terminal: use --once, or --once --json")
	}
	w := wish{sort: c.Sort, filter: c.Filter}
	first := c.look(ctx, w)
	if ctx.Err() != nil {
		return nil
	}
	if failed := first.failure(); failed != nil && len(c.URLs) == 1 {
		return failed
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	t := newTable(first, w)
	looking := make(chan struct{})
	go func() {
		defer close(looking)
		c.keepLooking(ctx, t)
	}()
	err := screen.RunPage(ctx, s, screen.Page{Title: "backbone top", Lines: t.lines, Key: t.key, Help: "q quits   tab rooms   a age  u queued  c conflated  r rooms   / filter"})
	stop()
	<-looking
	return err
}

// keepLooking looks once in a while, and at once when something else is wished for.
func (c *Cmd) keepLooking(ctx context.Context, t *table) {
	tick := time.NewTicker(c.Interval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-t.wished:
		case <-ctx.Done():
			return
		}
		t.take(c.look(ctx, *t.wish.Load()))
	}
}

func (c *Cmd) once(ctx context.Context, s cli.Streams) error {
	w := wish{sort: c.Sort, filter: c.Filter}
	got := c.look(ctx, w)
	if c.JSON {
		line, err := json.Marshal(got)
		if err != nil {
			return err
		}
		if err := s.Print(append(line, '\n')); err != nil {
			return err
		}
	} else {
		lines := append(newTable(got, w).lines(time.Now()), "") // of clients
		text := strings.Join(append(lines, roomLines(got)...), "\n") + "\n"
		if !s.Pretty() {
			text = ansi.Strip(text)
		}
		if err := s.Print([]byte(text)); err != nil {
			return err
		}
	}
	return got.failure()
}
