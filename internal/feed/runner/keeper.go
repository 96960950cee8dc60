package runner

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"backbone/internal/feed"
)

const (
	tickEvery     = time.Second
	settleAtMost  = 5 * time.Second // how long acks of a connection that takes over are waited for
	handoverAfter = 2 * time.Second // after which the old connection has delivered what the new one does not
	maxHeld       = 8192            // events of a connection that has not taken over yet
	redialSilent  = 5 * time.Minute // silence of all symbols after which a connection is replaced
	redialMost    = time.Hour
	provenAfter   = time.Minute // a connection without data has worked
)

// keeper keeps one part of the symbols connected. One goroutine runs it, and owns all of it.
type keeper struct {
	r       *Runner
	part    feed.Part
	number  int // of the connection, from 1
	symbols map[string]*symbol
	events  feed.Events
	live    []feed.Price // scratch of sift
	past    []feed.Price

	now      *life        // whose prices are published; nil: there is none
	next     *life        // takes over from now; nil: there is none
	held     []feed.Event // of next
	dialling bool
	dialled  chan dialled
	redial   <-chan time.Time // nil: no attempt is due
	failures int              // in a row, of attempts and of connections without data
	patience time.Duration    // of the next redial for silence
	ticked   time.Time        // the last tick
	barren   bool             // the exchange takes none of the symbols

	queue  []feed.Price // for the outlet
	counts map[feed.Reason]counted
}

func newKeeper(r *Runner, i int) *keeper {
	k := &keeper{r: r, part: r.parts[i], number: i + 1, symbols: map[string]*symbol{}, dialled: make(chan dialled), patience: redialSilent, counts: map[feed.Reason]counted{}}
	for _, s := range k.part.Symbols {
		k.symbols[s] = &symbol{Symbol: Symbol{Name: s, Connection: k.number, State: Down}}
	}
	return k
}

// run returns an error that ends the whole feed, or that of ctx.
func (k *keeper) run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer func() {
		stop()
		if k.dialling {
			if d := <-k.dialled; d.life != nil {
				_ = d.life.ws.CloseNow() // it was not begun
			}
		}
		for _, l := range []*life{k.now, k.next} {
			if l != nil {
				l.close()
			}
		}
		k.report()
	}()
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	k.dial(ctx)
	for {
		var err error
		select {
		case d := <-k.dialled:
			k.dialling = false
			err = k.took(ctx, d)
		case in := <-k.now.input():
			err = k.hear(ctx, k.now, in)
		case in := <-k.next.input():
			err = k.hear(ctx, k.next, in)
		case k.outlet() <- k.queue:
			k.queue = nil
		case <-k.redial:
			k.redial = nil
			k.dial(ctx)
		case <-tick.C:
			err = k.tick(ctx)
		case <-ctx.Done():
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
	}
}

// input is nil without a life, and then never ready.
func (l *life) input() chan input {
	if l == nil {
		return nil
	}
	return l.frames
}

// outlet is nil while nothing waits for it.
func (k *keeper) outlet() chan []feed.Price {
	if len(k.queue) == 0 {
		return nil
	}
	return k.r.batches
}

// dial starts an attempt, unless one is under way or not needed.
func (k *keeper) dial(ctx context.Context) {
	if k.dialling || k.next != nil {
		return
	}
	k.dialling, k.redial = true, nil
	go func() {
		l, err := k.r.dial(ctx, k.part)
		k.dialled <- dialled{l, err}
	}()
}

// later starts an attempt after a while, for err.
func (k *keeper) later(err error) {
	d := k.wait(err)
	if _, ok := errors.AsType[*ConnectError](err); ok && !k.r.accepted.Load() { // the last attempt is in time
		d = min(d, max(k.r.o.ConnectTimeout-time.Since(k.r.start), 0))
	}
	k.redial = time.After(d)
}

// took takes in the outcome of an attempt.
func (k *keeper) took(ctx context.Context, d dialled) error {
	if d.err != nil {
		return k.failed(ctx, d.err)
	}
	k.r.accepted.Store(true)
	k.count(feed.Connected, 1, fmt.Sprintf("connection %d of %d, symbols: %d", k.number, len(k.r.parts), len(k.part.Symbols)))
	now := time.Now()
	l := d.life
	l.begin(ctx, now)
	if t := k.r.o.Exchange.Limits.Lifetime; t > 0 {
		l.replace = now.Add(t*3/4 + rand.N(max(t/5, 1))) // connections that began together do not end together
	}
	if k.now == nil {
		k.now = l
		k.hopes()
		for _, s := range k.symbols {
			s.State, s.asked, s.refused, s.oldSince = Asked, now, false, time.Time{}
		}
	} else {
		k.next = l
	}
	if !l.send(l.out, l.session.Open()) {
		return k.lost(l, feed.Stuck, "too much is to be sent")
	}
	return nil
}

// failed decides what comes after an attempt that failed.
func (k *keeper) failed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	k.failures++
	no, refused := errors.AsType[*RefusedError](err)
	switch accepted := k.r.accepted.Load(); {
	case refused && no.final() && !accepted && (k.r.o.Exchange.Wait == nil || k.r.o.Exchange.Wait(no.Status, no.Body) == 0):
		return err
	case refused:
		k.count(feed.Refused, 1, err.Error())
	case !accepted && time.Since(k.r.start) >= k.r.o.ConnectTimeout:
		return err
	case !accepted: // the last such error is returned
		k.count(feed.NoConnect, 1, "")
	default:
		k.count(feed.NoConnect, 1, err.Error())
	}
	k.later(err)
	return nil
}

// hear takes in what the reader of l has.
func (k *keeper) hear(ctx context.Context, l *life, in input) error {
	now := time.Now()
	l.heard = now
	switch {
	case in.ping:
		return nil
	case in.err != nil:
		reason, text := why(in.err)
		return k.lost(l, reason, text)
	}
	k.events.Reset()
	err := l.session.Decode(in.op, in.data, &k.events)
	switch {
	case err != nil:
		k.count(feed.BadFrame, 1, fmt.Sprintf("%v: %s", err, feed.Quote(string(in.data[:min(len(in.data), 120)]))))
	case k.events.Len() == 0:
		k.count(feed.Unknown, 1, feed.Quote(string(in.data[:min(len(in.data), 120)])))
	}
	l.release(in.data)
	return k.act(ctx, l, k.events.List(), now)
}

// act does what the events of one frame say.
func (k *keeper) act(ctx context.Context, l *life, list []feed.Event, now time.Time) error {
	var frames []feed.Frame
	prices := false
	for i := range list {
		e := &list[i]
		switch e.Kind {
		case feed.EventPrice, feed.EventSnapshot:
			prices = true
			delete(l.waiting, e.Price.Symbol)
			l.data = l.data || e.Kind == feed.EventPrice
		case feed.EventAck:
			delete(l.waiting, e.Symbol)
			k.acked(l, e.Symbol)
		case feed.EventReject:
			delete(l.waiting, e.Symbol)
			if err := k.rejected(e.Symbol, e.Text); err != nil {
				return err
			}
		case feed.EventSend:
			frames = append(frames, e.Frame)
		case feed.EventReconnect:
			k.replace(ctx, l, e.Text)
		case feed.EventDrop:
			k.count(e.Reason, 1, e.Text)
		case feed.EventGap:
			k.count(feed.Gap, e.Lost, e.Text)
		}
	}
	to := l.urgent
	if len(frames) > 1 { // subscriptions, which must not hold up a sign of life
		to = l.out
	}
	if !l.send(to, frames) {
		return k.lost(l, feed.Stuck, "too much waits to be sent")
	}
	if len(l.waiting) == 0 && l.settled.IsZero() {
		l.settled = now
	}
	if !prices {
		return nil
	}
	if l == k.next {
		k.held = append(k.held, list...)
		if len(k.held) > maxHeld {
			k.handover(now)
		}
		return nil
	}
	if l.data {
		k.failures = 0
	}
	k.sift(list, now)
	return nil
}
