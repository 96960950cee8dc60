// Package book keeps the current price of many rooms for any number of goroutines, and says of each price
// whether it is fresh, and if not, why.
//
//	b, err := book.Dial(ctx, "ws://127.0.0.1:8080", nil, "BTC_USDT", "ETH_USDT")
//	if err != nil {
//		return err
//	}
//	defer b.Close()
//
//	q, fresh := b.Get("BTC_USDT") // from any goroutine, as often as you like
//	if !fresh {
//		log.Print(q.Instrument, " is not to be relied on: ", q.Why, ", ", q.Age, " old")
//	}
//
// # Never backwards
//
// A Book never shows an older price after a newer one, also when its connection is lost and the next one is to
// an instance that is behind. For that it joins its rooms with stamps (client.Stamp). On one connection the
// server keeps the order. Behind a lost connection, prices of one count are compared by their numbers; those of
// two instances by when they were taken in, by the clocks of these, for the first [SettleTime] only, so that a wrong
// clock silences no producer. Servers that are older than stamps send prices that cannot be compared: then a
// price that comes later counts as newer.
//
// # Reading
//
// Get costs a look into a map and makes no copy of Data. It waits for nobody: neither for other readers, nor for the
// connection.
package book

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"backbone/client"
)

// Options changes how a [Book] works. A nil *Options means all defaults.
type Options struct {
	// ConnOptions is for the connection. OnMessage must be nil.
	client.ConnOptions
	// SilentAfter is how long no live price must have come for a room to count as silent, in whole milliseconds
	// from 100 to 86,400,000. Default: the server's own time, which is the lifetime of a last price there.
	SilentAfter time.Duration
	// MaxAge is the age at which a price is no longer fresh, whatever the reason. Default: no such age.
	MaxAge time.Duration
	// OnEvent is called with each event of the connection, once the Book holds what it says. Calls come one at a
	// time, and the Book grows old until it returns. It must not call Join, Leave, Wait or Close. Default: none.
	OnEvent func(client.Event)
}

// Book is the current price of each room that it has joined. Its methods are safe for concurrent use by multiple
// goroutines. It connects again by itself, until it is closed or the server refuses it at the first connection.
type Book struct {
	// Immutable after Dial.
	conn    *client.Conn
	maxAge  time.Duration
	join    client.JoinOptions
	onEvent func(client.Event)
	done    chan struct{} // closed by run, last

	rooms sync.Map // *room by name; Join and Leave put and take them, and run takes those that are rejected

	losses   atomic.Uint64 // of connections, and of attempts; set by the connection at once
	degraded atomic.Bool   // the server's bridge is; set by run

	// Owned by run.
	heard uint64    // Disconnected that have come: losses of before what comes now
	since time.Time // of the connection
}

// Dial connects to the server at url, joins rooms, and returns when they are joined: their prices may come a moment
// later, see [Book.Wait]. More rooms can be joined later. The URL may name several servers, as that of
// [client.Dial]. ctx bounds only the dial.
//
// The error is that of client.Dial, or that of [Book.Join] if a room is rejected. Then there is no Book.
func Dial(ctx context.Context, url string, opt *Options, rooms ...string) (*Book, error) {
	var o Options
	if opt != nil {
		o = *opt
	}
	if o.OnMessage != nil {
		return nil, errors.New("book: Options.OnMessage must be nil")
	}
	if o.MaxAge < 0 {
		return nil, fmt.Errorf("book: Options.MaxAge: %v, expected a positive duration", o.MaxAge)
	}
	b := &Book{
		maxAge: o.MaxAge, onEvent: o.OnEvent, done: make(chan struct{}),
		join: client.JoinOptions{MarkEmpty: true, Status: true, SilentAfter: o.SilentAfter, Stamp: true},
	}
	changed := o.OnStateChange
	o.OnStateChange = func(st client.State) {
		if !st.Connected && !st.Ended {
			b.losses.Add(1) // a Disconnected follows
		}
		if changed != nil {
			changed(st)
		}
	}
	conn, err := client.Dial(ctx, url, &o.ConnOptions)
	if err != nil {
		return nil, err
	}
	b.conn = conn
	go b.run()
	if err := b.Join(ctx, rooms...); err != nil {
		_ = b.Close() // always nil
		return nil, err
	}
	return b, nil
}

// Join joins more rooms and waits for the reply. One that is joined already stays as it is. If some are rejected the
// error is a *[client.JoinError], and the others are joined. After any other error they may or may not be: joining
// again is harmless.
func (b *Book) Join(ctx context.Context, rooms ...string) error {
	if len(rooms) == 0 {
		return nil
	}
	added := map[string]*room{}
	for _, name := range rooms {
		r := newRoom(name)
		if _, known := b.rooms.LoadOrStore(name, r); !known {
			added[name] = r
		}
	}
	err := b.conn.JoinWith(ctx, b.join, rooms...)
	if failed, some := errors.AsType[*client.JoinError](err); some {
		for _, r := range failed.Rejected {
			if of := added[r.Room]; of != nil {
				b.forget(of, rejection(r))
			}
		}
		if len(failed.Rejected) == 0 { // all are joined, with these options
			return nil
		}
	} else if err != nil {
		for _, r := range added {
			b.forget(r, err)
		}
	}
	return err
}

// Leave leaves rooms, and forgets their prices at once. The error is that of [client.Conn.Leave].
func (b *Book) Leave(ctx context.Context, rooms ...string) error {
	for _, name := range rooms {
		if r, ok := b.rooms.Load(name); ok {
			b.forget(r.(*room), nil)
		}
	}
	return b.conn.Leave(ctx, rooms...)
}

// forget takes a room out of the Book. Who waits for its price gets err, or hears that it was left.
func (b *Book) forget(r *room, err error) {
	if b.rooms.CompareAndDelete(r.name, r) {
		r.err = err
		close(r.gone)
	}
}

// Rooms returns the names of the rooms, sorted.
func (b *Book) Rooms() []string {
	var names []string
	for name := range b.rooms.Range {
		names = append(names, name.(string))
	}
	slices.Sort(names)
	return names
}

// All returns the [Quote] of each room, in the order of their names.
func (b *Book) All() iter.Seq[Quote] {
	return func(yield func(Quote) bool) {
		for _, name := range b.Rooms() {
			if q, _ := b.Get(name); !yield(q) {
				return
			}
		}
	}
}

// Wait returns the price of a room, and if none is known, waits for the first one. It need not be fresh. The error is
// context.Cause(ctx) if ctx has ended, a *[client.RequestError] if the server has rejected the room,
// [client.ErrClosed] after Close, and [Book.Err] if the server has refused the client.
func (b *Book) Wait(ctx context.Context, name string) (Quote, error) {
	of, ok := b.rooms.Load(name)
	if !ok {
		return Quote{}, fmt.Errorf("book: %q is not joined", name)
	}
	r := of.(*room)
	for {
		h := r.held.Load()
		if h.update.Price != "" {
			q, _ := b.quote(h)
			return q, nil
		}
		select {
		case <-h.priced:
		case <-r.gone:
			if r.err != nil {
				return Quote{}, r.err
			}
			return Quote{}, fmt.Errorf("book: %q was left", name)
		case <-b.done:
			if err := b.Err(); err != nil {
				return Quote{}, err
			}
			return Quote{}, client.ErrClosed
		case <-ctx.Done():
			return Quote{}, fmt.Errorf("book: no price of %q yet: %w", name, context.Cause(ctx))
		}
	}
}

// Connected reports whether there is a connection now. See [client.Conn.State] for more.
func (b *Book) Connected() bool { return b.conn.Connected() }

// State is that of the connection.
func (b *Book) State() client.State { return b.conn.State() }

// Stats is that of the connection.
func (b *Book) Stats() client.Stats { return b.conn.Stats() }

// Err returns why the Book ended. It is nil while the Book lives and after Close, and otherwise wraps
// client.ErrRefused.
func (b *Book) Err() error { return b.conn.Err() }

// Close ends the Book within two seconds, and returns when no goroutine of it is left. The prices stay readable, and
// none is fresh any more. It may be called more than once and always returns nil.
func (b *Book) Close() error {
	_ = b.conn.Close() // always nil
	<-b.done
	return nil
}
