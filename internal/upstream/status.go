package upstream

import (
	"context"
	"sync/atomic"
	"time"
)

// State says whether prices of all instances come. The words are those of the bridge.
type State string

// The states.
const (
	Connecting State = "connecting" // there was no connection yet
	OK         State = "ok"         // there is one, and upstream hears the other instances
	Degraded   State = "degraded"   // there is none any more, or upstream does not hear the others
)

// Status is the state of the connection.
type Status struct {
	State     State
	Since     time.Time // when the state began
	Connected bool
}

// Stats are counters since the start, and gauges where marked.
type Stats struct {
	Rooms    int    // gauge: that are joined, or about to be
	Connects uint64 // connections that were made
	Received uint64 // events that were passed on
	Stale    uint64 // prices that were not newer than what was passed on before
	Refused  uint64 // times that upstream did not let a room be joined
	Garbage  uint64 // messages that could not be used
}

// stats are counted by Run.
type stats struct {
	joined                                      atomic.Int64
	connects, received, stale, refused, garbage atomic.Uint64
}

// link is what is known of the connection.
type link struct {
	up          bool      // there is one
	upSince     time.Time // when that has changed last
	bridge      bool      // upstream's own bridge works, or it has none
	bridgeSince time.Time // when upstream says that has changed
	worked      bool      // there was a connection
	told        bool      // what the Sink was told last
}

// works reports whether prices of all instances come, and since when.
func (l *link) works() (ok bool, since time.Time) {
	if l.up && (!l.bridge || l.bridgeSince.After(l.upSince)) {
		return l.bridge, l.bridgeSince
	}
	return l.up, l.upSince
}

// Status returns the status at this moment.
func (u *Upstream) Status() Status { return *u.status.Load() }

// Stats returns the counters as they are now.
func (u *Upstream) Stats() Stats {
	return Stats{
		Rooms: int(u.joined.Load()), Connects: u.connects.Load(), Received: u.received.Load(),
		Stale: u.stale.Load(), Refused: u.refused.Load(), Garbage: u.garbage.Load(),
	}
}

func (u *Upstream) setStatus() {
	ok, since := u.works()
	s := Status{State: Connecting, Since: since, Connected: u.up}
	switch {
	case ok:
		s.State = OK
	case u.worked:
		s.State = Degraded
	}
	u.status.Store(&s)
}

// tellState tells the Sink whether prices of all instances come, if that has changed.
func (u *Upstream) tellState(ctx context.Context) {
	u.setStatus()
	if ok, since := u.works(); ok != u.told {
		u.told = ok
		u.flush(ctx)
		u.opts.Sink.State(ctx, ok, since)
	}
}
