package book

import (
	"fmt"
	"time"

	"backbone/client"
)

// Quote is what a [Book] holds of a room. The Data and the Stamp in it are shared with other readers, and must not be
// changed.
type Quote struct {
	// PriceUpdate is the newest price. Its Price is empty if none is known or the instrument is retired, and then
	// only Instrument is set.
	client.PriceUpdate
	// Age is how old the price is at least: the time since the Book has received it, by the monotonic clock of this
	// machine, and for a snapshot also the time before, as the server has measured it. The way of a live price to
	// the server and to here is not part of it. It is 0 without a price.
	Age time.Duration
	// Why says why the price is not to be relied on, or [Fresh].
	Why Why
}

// Why says whether a price is fresh, and if not, why. Where several reasons hold it is the first of them in this
// order.
type Why int

const (
	// Fresh is a price that nothing speaks against.
	Fresh Why = iota
	// NotJoined is a room that the Book does not have, or that the server has rejected.
	NotJoined
	// Closed is a Book that was closed, or refused by the server: see [Book.Err].
	Closed
	// Disconnected says that there is no connection, or that nothing was heard of the room since there is one again.
	Disconnected
	// NeverHeard says that no price is known, neither here nor at the server.
	NeverHeard
	// Retired says that the instrument has no price any more, until its producer publishes one.
	Retired
	// Behind says that the server of the connection after a loss has an older price than the Book holds, and nothing
	// newer has come yet.
	Behind
	// FeedSilent says that no live price has come for Options.SilentAfter: the market is quiet, or the producer gone.
	FeedSilent
	// BridgeDegraded says that the server hears nothing of the other instances. Prices published there are missing.
	BridgeDegraded
	// TooOld says that the price is older than Options.MaxAge.
	TooOld
)

var reasons = [...]string{
	Fresh: "fresh", NotJoined: "not joined", Closed: "closed", Disconnected: "disconnected", NeverHeard: "no price known",
	Retired: "retired", Behind: "the server is behind", FeedSilent: "feed silent", BridgeDegraded: "bridge degraded", TooOld: "too old",
}

// String is the reason in one to four words, such as "feed silent".
func (w Why) String() string {
	if w < 0 || int(w) >= len(reasons) {
		return fmt.Sprintf("Why(%d)", int(w))
	}
	return reasons[w]
}

// held is what run has last heard of a room. It never changes.
type held struct {
	update client.PriceUpdate // without a price, but with the instrument: see priced
	priced chan struct{}      // closed when a price comes; nil: there is one
	at     time.Time          // when the price came, less the age that it had
	why    Why                // as far as the room knows: Fresh, NeverHeard, Retired, Behind or FeedSilent
	losses uint64             // before it was heard
}

// Get returns what the Book holds of a room, and whether that is a fresh price. If not, Why says why.
func (b *Book) Get(name string) (q Quote, fresh bool) {
	r, ok := b.rooms.Load(name)
	if !ok {
		q.Instrument, q.Why = name, NotJoined
		return q, false
	}
	return b.quote(r.(*room).held.Load())
}

func (b *Book) quote(h *held) (q Quote, fresh bool) {
	return b.show(h, b.conn.Connected(), b.ended())
}

func (b *Book) show(h *held, connected, ended bool) (q Quote, fresh bool) {
	q = Quote{PriceUpdate: h.update, Why: h.why}
	if h.priced == nil {
		q.Age = time.Since(h.at)
	}
	switch {
	case ended:
		q.Why = Closed
	case !connected || h.losses != b.losses.Load():
		q.Why = Disconnected
	case q.Why != Fresh:
	case b.degraded.Load():
		q.Why = BridgeDegraded
	case b.maxAge > 0 && q.Age > b.maxAge:
		q.Why = TooOld
	}
	return q, q.Why == Fresh
}

func (b *Book) ended() bool {
	select {
	case <-b.done:
		return true
	default:
		return b.conn.State().Ended
	}
}
