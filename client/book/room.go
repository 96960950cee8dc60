package book

import (
	"fmt"
	"sync/atomic"
	"time"

	"backbone/client"
	"backbone/internal/epochs"
)

// SettleTime is how long prices of two instances are compared by time behind a lost connection. After that one that
// comes counts as newer.
const SettleTime = 5 * time.Second

// room is one room of a Book.
type room struct {
	name string
	held atomic.Pointer[held] // set by run

	gone chan struct{} // closed by who takes the room out of the Book
	err  error         // why, set before that; nil: it was left

	// Owned by run.
	order  order
	silent bool // the feed is, as the server has said on this connection
}

func newRoom(name string) *room {
	r := &room{name: name, gone: make(chan struct{})}
	r.held.Store(&held{update: client.PriceUpdate{Instrument: name}, priced: make(chan struct{}), why: NeverHeard})
	return r
}

// order is how far the prices of a room have come.
type order struct {
	losses uint64 // before what came last
	sure   bool   // what came since is the newest, so what comes now is newer still
	counts epochs.List[uint64]
	epoch  string    // of the newest; "": it has no stamp, or there is none
	at     time.Time // when the newest was taken in
}

// verdict is what a price is to the newest.
type verdict int

const (
	newer verdict = iota
	same
	older
)

// judge says what a price with this stamp is, that came on this connection. settled says that the connection has
// lasted for SettleTime.
func (o *order) judge(s *client.Stamp, settled bool) verdict {
	if s == nil { // it can be compared with nothing
		o.counts.Clear()
		o.epoch, o.sure = "", true
		return newer
	}
	seq, known := o.counts.Touch(s.Epoch)
	if !o.sure {
		switch {
		case known && s.Seq == *seq && s.Epoch == o.epoch:
			o.sure = true
			return same
		case known && s.Seq <= *seq:
			return older
		case !settled && o.epoch != "" && s.Epoch != o.epoch && !s.At.After(o.at):
			*seq = s.Seq
			return older
		}
	}
	*seq = max(*seq, s.Seq)
	o.epoch, o.at, o.sure = s.Epoch, s.At, true
	return newer
}

// run takes what the connection brings, until its end.
func (b *Book) run() {
	defer close(b.done)
	b.since = time.Now()
	for ev := range b.conn.Events() {
		b.apply(ev)
		if b.onEvent != nil {
			b.onEvent(ev)
		}
	}
}

// apply has the Book hold what an event says.
func (b *Book) apply(ev client.Event) {
	switch e := ev.(type) {
	case client.Connected:
		b.since = time.Now()
	case client.Disconnected:
		b.heard++
		b.degraded.Store(false) // the next server says how it is with its own
	case client.BridgeStatus:
		b.degraded.Store(!e.OK)
	case client.Rejoined:
		b.reject(e.Rejected)
	case client.Moved:
		b.reject(e.Rejected)
	}
	of, ok := b.rooms.Load(client.RoomOf(ev))
	if !ok {
		return
	}
	r := of.(*room)
	if r.order.losses != b.heard {
		r.order.losses, r.order.sure, r.silent = b.heard, false, false
	}
	switch e := ev.(type) {
	case client.PriceUpdate:
		r.silent = r.silent && e.Snapshot
		r.price(b, e)
	case client.Retired:
		r.price(b, client.PriceUpdate{Instrument: e.Instrument, Snapshot: e.Snapshot, Stamp: e.Stamp})
	case client.NoSnapshot:
		b.hold(r, held{update: client.PriceUpdate{Instrument: r.name}, why: NeverHeard})
	case client.FeedStatus:
		r.silent = e.Silent
		if was := *r.held.Load(); was.why == Fresh || was.why == FeedSilent {
			was.why = r.feed()
			r.held.Store(&was)
		}
	}
}

// price takes a price, or what stands for a Retired: one without a text.
func (r *room) price(b *Book, u client.PriceUpdate) {
	h := held{update: u, at: time.Now(), why: r.feed()}
	if u.Price == "" {
		h.update, h.why = client.PriceUpdate{Instrument: u.Instrument}, Retired
	}
	if u.Snapshot && u.Stamp != nil {
		h.at = h.at.Add(-max(0, u.Stamp.Age))
	}
	switch r.order.judge(u.Stamp, time.Since(b.since) >= SettleTime) {
	case newer:
	case same:
		if was := r.held.Load(); was.update.Price != "" {
			h.update, h.at = was.update, was.at
		}
	case older:
		if h = *r.held.Load(); h.why == Fresh || h.why == FeedSilent {
			h.why = Behind
		}
	}
	b.hold(r, h)
}

// feed is Fresh or FeedSilent.
func (r *room) feed() Why {
	if r.silent {
		return FeedSilent
	}
	return Fresh
}

// hold makes h what the Book shows of a room.
func (b *Book) hold(r *room, h held) {
	before := r.held.Load()
	h.losses = b.heard
	if h.priced = nil; h.update.Price == "" {
		if h.priced = before.priced; h.priced == nil {
			h.priced = make(chan struct{})
		}
	}
	r.held.Store(&h)
	if before.priced != nil && h.priced == nil {
		close(before.priced)
	}
}

// reject forgets rooms that the server has rejected when they were joined again.
func (b *Book) reject(rooms []client.Rejected) {
	for _, rejected := range rooms {
		if r, ok := b.rooms.Load(rejected.Room); ok {
			b.forget(r.(*room), rejection(rejected))
		}
	}
}

func rejection(r client.Rejected) error {
	return fmt.Errorf("book: %q was rejected: %w", r.Room, &client.RequestError{Code: r.Code, Message: r.Message, Index: -1})
}
