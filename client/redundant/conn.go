// Package redundant takes several connections to different instances as one. Each price is
// delivered once, by the connection that brings it first. The prices go on, and none is missing,
// when one of the connections is slow or ends.
//
//	conn, err := redundant.Dial(ctx, []string{"ws://a:8080", "ws://b:8080"}, nil)
//
// Prices are told apart by the stamps that the servers give them (client.Stamp). So the instances
// must belong together, through one Redis.
//
// An instance that is older than stamps takes them from the prices that it takes in or passes on.
// These prices cannot be compared, so they come from one line alone, and only if no other line has
// the room's prices with stamps. Where they begin and where they end, a Missed that is not Exact
// says that prices may be missing or come twice.
package redundant

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"backbone/client"
)

// Options changes how a [Conn] works. A nil *Options means all defaults.
type Options struct {
	// ConnOptions is for each line. Its KeepTrying says whether Dial succeeds although no line
	// has a connection; a line always goes on trying. OnMessage must be nil.
	client.ConnOptions
	// OnLine is called with what a line says about itself: Connected, Disconnected, Rejoined,
	// Moved, and a *client.RequestError where it refuses a room. line is its position in
	// the URLs. Calls come one at a time, and nothing is delivered until it returns; it must not
	// call the Conn's methods. Default: none.
	OnLine func(line int, ev client.Event)
}

// Conn is a consumer with several lines, each a [client.Conn] to one URL. Its methods are safe
// for concurrent use by multiple goroutines.
type Conn struct {
	// Immutable after Dial.
	onLine  func(int, client.Event)
	workers []*worker
	events  chan client.Event
	in      chan func() // from the lines, to run while nothing is pending
	calls   chan func() // from callers, to run
	ctx     context.Context
	stop    context.CancelFunc
	begun   chan error    // one value: what Dial returns
	done    chan struct{} // closed by run, last

	working sync.WaitGroup

	// Owned by run.
	merger  merger
	wanted  wanted
	pending []client.Event // that the program has not taken
	ended   int            // lines that have ended

	// Written by run before it closes done.
	err error
}

// Dial connects to an instance at each URL, and returns when the first line has a connection. If
// none could connect, the error joins those of all lines; any other error names the argument that
// is wrong. ctx bounds only the dial.
func Dial(ctx context.Context, urls []string, opt *Options) (*Conn, error) {
	var o Options
	if opt != nil {
		o = *opt
	}
	switch {
	case len(urls) == 0:
		return nil, errors.New("redundant: no URL")
	case o.OnMessage != nil:
		return nil, errors.New("redundant: Options.OnMessage must be nil")
	}
	for _, url := range urls {
		if err := check(ctx, url, o.ConnOptions); err != nil {
			return nil, err
		}
	}
	c := &Conn{
		onLine: o.OnLine, events: make(chan client.Event), in: make(chan func()), calls: make(chan func()), begun: make(chan error, 1), done: make(chan struct{}),
		wanted: wanted{rooms: map[string]bool{}},
	}
	c.merger = merger{lines: len(urls), rooms: map[string]*room{}, deliver: c.show}
	c.ctx, c.stop = context.WithCancel(context.Background())
	for i, url := range urls {
		w := &worker{conn: c, index: i, url: url, opt: o.ConnOptions, work: make(chan work, 1), keepTrying: o.KeepTrying}
		w.opt.KeepTrying = true
		c.wanted.sides = append(c.wanted.sides, side{worker: w, rooms: map[string]standing{}, todo: map[string]bool{}})
		c.workers = append(c.workers, w)
	}
	for _, w := range c.workers {
		c.working.Go(w.run)
	}
	go c.run()
	var err error
	select {
	case err = <-c.begun:
	case <-ctx.Done():
		err = fmt.Errorf("redundant: no connection yet: %w", context.Cause(ctx))
	}
	if err != nil {
		_ = c.Close() // always nil
		return nil, err
	}
	return c, nil
}

// Events returns the channel of what the Conn receives:
//
//   - [client.PriceUpdate], each price once. A Snapshot replaces the value held.
//   - [client.Missed], before a price, if no line has brought what lies between it and the price
//     of its count before: every line had lost its connection or was conflated, or was that much
//     behind the fastest, and brought nothing of it for half a second or while 64 prices came.
//     Not Exact: an instance has restarted, or see the package about prices without a stamp.
//   - [client.Connected] when the first line has a connection, and again after a Disconnected.
//   - [client.Disconnected] when no line has a connection any more. Prices held may be out of date.
//
// On no account does a price follow a newer one of its count. The channel has no buffer of its
// own: each line holds what the program has not taken, and servers conflate for a slow program as
// for any other. It is closed at the end of the Conn.
func (c *Conn) Events() <-chan client.Event { return c.events }

// Join joins rooms on every line. It returns nil once each room has been joined by a line; the
// others go on joining, and what they refuse is told to Options.OnLine. The error is a
// *[client.JoinError] if every line with a connection has refused a room. After any error, a room
// that no line has joined so far is not joined.
//
// A line that has refused a room or has lost its connection is asked again once it has a new one.
// A room that is joined already stays joined.
func (c *Conn) Join(ctx context.Context, rooms ...string) error {
	j := &join{rooms: unique(rooms), done: make(chan error, 1)}
	if err := c.do(ctx, func() { c.want(j) }); err != nil {
		return err
	}
	select {
	case err := <-j.done:
		return err
	case <-c.ctx.Done():
		return client.ErrClosed
	case <-ctx.Done():
	}
	_ = c.do(c.ctx, func() { c.abandon(j) }) // fails at the end
	select {
	case err := <-j.done:
		return err
	default:
		return fmt.Errorf("redundant: no reply yet: %w", context.Cause(ctx))
	}
}

// Leave leaves rooms, at once: nothing of them is delivered after it. The lines leave them when
// they can. Each room that was not joined adds a *[client.RequestError] to the error (see
// errors.Join), and the other rooms are left.
func (c *Conn) Leave(ctx context.Context, rooms ...string) error {
	var left error
	if err := c.do(ctx, func() { left = c.leave(unique(rooms)) }); err != nil {
		return err
	}
	return left
}

// Age is [client.Conn.Age] of the line that is fastest: the smallest of those that are known. A price
// is delivered by the line that brings it first. ok is false if none is known.
func (c *Conn) Age() (age time.Duration, ok bool) {
	for _, w := range c.workers {
		line := w.line.Load()
		if line == nil {
			continue
		}
		if of, known := line.Age(); known && (!ok || of < age) {
			age, ok = of, true
		}
	}
	return age, ok
}

// Err returns why the Conn ended: every line was refused. It is nil while the Conn lives and
// after Close.
func (c *Conn) Err() error {
	select {
	case <-c.done:
		return c.err
	default:
		return nil
	}
}

// Close ends the Conn within two seconds, and returns when no goroutine of it is left. It always
// returns nil.
func (c *Conn) Close() error {
	c.stop()
	<-c.done
	return nil
}

// check returns an error if url or opt cannot be used. It makes no connection.
func check(ctx context.Context, url string, opt client.ConnOptions) error {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	_, err := client.Dial(ctx, url, &opt)
	if _, tried := errors.AsType[*client.ConnectError](err); tried {
		return nil
	}
	return err
}

// run owns what is merged, until Close or until no line is left.
func (c *Conn) run() {
	defer close(c.done)
	defer close(c.events)
	defer c.working.Wait()
	defer c.stop()
	late := time.NewTimer(patience)
	defer late.Stop()
	armed := false
	for c.ended < len(c.wanted.sides) || len(c.pending) > 0 {
		in, out, first := c.in, c.events, client.Event(nil)
		if len(c.pending) == 0 {
			out = nil
		} else {
			in, first = nil, c.pending[0]
		}
		select {
		case f := <-in:
			f()
		case f := <-c.calls: // also while the caller takes no events
			f()
		case out <- first:
			c.pending[0] = nil
			c.pending = c.pending[1:]
		case <-late.C:
			armed = false
			c.merger.late(time.Now())
		case <-c.ctx.Done():
			return
		}
		if due := c.merger.due; !due.IsZero() && !armed {
			armed = true
			late.Reset(time.Until(due))
		}
	}
	c.err = c.failures()
}

// do has run run f.
func (c *Conn) do(ctx context.Context, f func()) error {
	if ctx.Err() != nil {
		return fmt.Errorf("redundant: %w", context.Cause(ctx))
	}
	ran := make(chan struct{})
	select {
	case c.calls <- func() { f(); close(ran) }:
	case <-ctx.Done():
		return fmt.Errorf("redundant: %w", context.Cause(ctx))
	case <-c.ctx.Done():
		return client.ErrClosed
	}
	<-ran
	return nil
}

// deliver gives ev to the program once it has taken what came before.
func (c *Conn) deliver(ev client.Event) { c.pending = append(c.pending, ev) }

func unique(rooms []string) []string {
	rooms = slices.Clone(rooms)
	slices.Sort(rooms)
	return slices.Compact(rooms)
}
