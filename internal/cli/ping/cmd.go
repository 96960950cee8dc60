// Package ping is the command that measures how long a server takes to answer.
package ping

import (
	"context"
	"errors"
	"time"

	"backbone/client"
	"backbone/internal/cli"
	"backbone/internal/config"
)

// Cmd is the command and its flags.
type Cmd struct {
	cli.Server `embed:""`

	Interval time.Duration `default:"1s" help:"Time between two pings, at least 10ms."`
	Count    int           `placeholder:"N" help:"Stop after N pings. 0 is no limit."`
	Timeout  time.Duration `default:"10s" help:"How long to wait for an answer. The next ping is sent behind it."`
	Ingest   bool          `help:"Connect as an ingestor, with its key, and not as a consumer."`
	JSON     bool          `name:"json" help:"Print one JSON object a line."`
}

// Help is the examples of this command.
func (*Cmd) Help() string {
	return `backbone ping
backbone ping wss://prices.example --count 10
backbone ping --interval 100ms --json > pings.jsonl
backbone ping wss://prices.example --ingest --api-key-file key`
}

// Validate is called by kong.
func (c *Cmd) Validate() error {
	switch {
	case c.Interval < 10*time.Millisecond:
		return config.Errorf("interval", "must be at least 10ms, not %v", c.Interval)
	case c.Count < 0:
		return config.Errorf("count", "must be at least 0, which is no limit, not %d", c.Count)
	case c.Timeout <= 0:
		return config.Errorf("timeout", "must be above 0, not %v", c.Timeout)
	}
	return c.Server.Validate()
}

// pinger is a connection of either role.
type pinger interface {
	Ping(ctx context.Context) (time.Duration, error)
	Close() error
	Err() error
}

// Run pings until it has done so often enough, or ctx ends.
func (c *Cmd) Run(ctx context.Context, s cli.Streams) error {
	opt, err := c.Options()
	if err != nil {
		return err
	}
	r := newReport(s, c.JSON, c.Shown())
	lost := make(chan client.Disconnected, 16)
	began := time.Now()
	conn, err := c.dial(ctx, opt, lost)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return c.Failure(err)
	}
	defer conn.Close()
	s.Say("connected to %s in %s", r.server, millis(time.Since(began)))
	tick := time.NewTicker(c.Interval)
	defer tick.Stop()
	for n := 1; ; n++ {
		if err := c.once(ctx, conn, r, n, lost); err != nil {
			return err
		}
		if ctx.Err() != nil || n == c.Count {
			return r.end()
		}
		if err := conn.Err(); err != nil { // it is over for good
			return errors.Join(r.end(), c.Failure(err))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return r.end()
		}
	}
}

// once pings, and prints what came of it. Interrupted, it prints nothing.
func (c *Cmd) once(ctx context.Context, conn pinger, r *report, n int, lost <-chan client.Disconnected) error {
	waiting, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	took, err := conn.Ping(waiting)
	for len(lost) > 0 {
		d := <-lost
		r.say("connection lost: %v", d.Err)
	}
	switch {
	case err == nil:
		return r.answered(n, took)
	case ctx.Err() != nil:
		return nil
	case waiting.Err() != nil:
		return r.unanswered(n, "no answer within "+c.Timeout.String())
	}
	return r.unanswered(n, err.Error())
}

// dial connects in the role that is asked for. lost learns of lost connections; what it has no place
// for is left out.
func (c *Cmd) dial(ctx context.Context, opt client.Options, lost chan<- client.Disconnected) (pinger, error) {
	tell := func(e client.Event) {
		if d, is := e.(client.Disconnected); is {
			select {
			case lost <- d:
			default:
			}
		}
	}
	if c.Ingest {
		return client.DialIngestor(ctx, c.URL(), &client.IngestorOptions{Options: opt, OnEvent: tell})
	}
	conn, err := client.Dial(ctx, c.URL(), &client.ConnOptions{Options: opt})
	if err != nil {
		return nil, err
	}
	go func() {
		for e := range conn.Events() { // until Close
			tell(e)
		}
	}()
	return conn, nil
}
