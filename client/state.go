package client

import (
	"sync/atomic"
	"time"
)

// State is how it stands with the connection of a [Conn] or an [Ingestor]. It is that of now: what it tells
// may be before what Events still holds.
type State struct {
	// Connected says that there is a connection.
	Connected bool
	// Moved, while Connected, says that the connection took over from another one without an interruption:
	// see [Moved].
	Moved bool
	// Ended says that there will be no connection any more: after Close, or because of Err.
	Ended bool
	// Server is the URL that the connection is to, or was, without secrets. It is empty before the first one.
	Server string
	// Since is when the connection began, or ended.
	Since time.Time
	// Err is why there is no connection: of the connection that was lost or of the last attempt, as
	// [Disconnected] has it, and after the end as Err returns it. It is nil while Connected.
	Err error
	// Attempt and Wait are those of Disconnected: the number of the next attempt, and the wait before it
	// from the call of OnStateChange on.
	Attempt int
	Wait    time.Duration
}

// Connected reports whether there is a connection now. It may be called at any time.
func (c *Conn) Connected() bool { return c.s.state.Load().Connected }

// State returns how it stands with the connection now. It may be called at any time.
func (c *Conn) State() State { return *c.s.state.Load() }

// Connected reports whether there is a connection now. It may be called at any time.
func (p *Ingestor) Connected() bool { return p.s.state.Load().Connected }

// State returns how it stands with the connection now. It may be called at any time.
func (p *Ingestor) State() State { return *p.s.state.Load() }

// connectedTo is the state of a connection. moved says that it took over from another one.
func (s *session) connectedTo(conn *connection, moved bool) State {
	return State{Connected: true, Moved: moved, Server: s.servers.all[conn.at].Shown(s.servers.path), Since: time.Now()}
}

// disconnected is the state after st, without a connection.
func (st State) disconnected(err error) State {
	if st.Connected || st.Since.IsZero() {
		st.Since = time.Now()
	}
	return State{Server: st.Server, Since: st.Since, Err: err}
}

// change sets the state and tells the program. Only run may call it.
func (s *session) change(st State) {
	s.state.Store(&st)
	s.logState(st)
	if s.opt.OnStateChange != nil {
		s.opt.OnStateChange(st)
	}
}

func (s *session) logState(st State) {
	log := s.opt.Logger
	switch {
	case log == nil:
	case st.Ended && st.Err != nil:
		log.Error("the server refuses the client, which gives up", "server", st.Server, "error", st.Err)
	case st.Ended:
		log.Info("closed", "server", st.Server)
	case st.Moved:
		log.Info("moved to another server", "server", st.Server)
	case st.Connected:
		log.Info("connected", "server", st.Server)
	default:
		log.Warn("no connection", "server", st.Server, "error", st.Err, "attempt", st.Attempt, "wait", st.Wait)
	}
}

func (s *session) logRejected(rooms []Rejected) {
	if len(rooms) > 0 && s.opt.Logger != nil {
		first := rooms[0]
		s.opt.Logger.Warn("rooms are no longer joined: the server rejects them", "rooms", len(rooms), "first", first.Room, "code", first.Code, "message", first.Message)
	}
}

// Stats counts what a [Conn] has received since Dial, and is still to be taken from Events in part. The
// numbers are read one after the other, so those of one moment may differ by what comes meanwhile.
type Stats struct {
	Events    uint64 // of any type
	Prices    uint64 // live ones: PriceUpdates without Snapshot
	Snapshots uint64
	// Skipped is how many live events the server left out because the program was slow: the sum of all
	// Conflated. Prices, Skipped and what was retired live add up to what was published in the joined rooms
	// while there was a connection.
	Skipped uint64
	// Missed is how many events were published while there was no connection, at least: the sum of all
	// Missed. So it counts only rooms that were joined with JoinOptions.Stamp.
	Missed uint64
	Lost   uint64 // chat messages that the server left out because the program was slow

	Reconnects uint64 // connections after a Disconnected
	Moves      uint64 // connections that took over without an interruption: see Moved
	Failures   uint64 // attempts to connect that failed
	Waiting    int    // events that the program can take from Events now
}

// IngestorStats counts what an [Ingestor] has done since DialIngestor. The numbers are read one after the
// other.
type IngestorStats struct {
	Sent    uint64  // events written to a connection
	Acked   uint64  // of those that were published with an acknowledgement: the server has taken them
	Refused uint64  // events that the server has refused, or that were invalid and not sent
	LeftOut LeftOut // events that were not sent, because there was no connection

	Reconnects uint64 // connections after the first one was lost, or failed
	Moves      uint64 // connections that took over without an interruption: see Moved
	Failures   uint64 // attempts to connect that failed
}

// counts is what Stats tells. Any goroutine may read it and add to it.
type counts struct {
	events, prices, snapshots, skipped, missed, lost atomic.Uint64
	sent, acked, refused, conflated, dropped         atomic.Uint64
	reconnects, moves, failures                      atomic.Uint64
}

// Stats returns what was counted so far. It may be called at any time, also after Close.
func (c *Conn) Stats() Stats {
	n := &c.s.counts
	return Stats{
		Events: n.events.Load(), Prices: n.prices.Load(), Snapshots: n.snapshots.Load(),
		Skipped: n.skipped.Load(), Missed: n.missed.Load(), Lost: n.lost.Load(),
		Reconnects: n.reconnects.Load(), Moves: n.moves.Load(), Failures: n.failures.Load(),
		Waiting: len(c.s.events),
	}
}

// Stats returns what was counted so far. It may be called at any time, also after Close.
func (p *Ingestor) Stats() IngestorStats {
	n := &p.s.counts
	return IngestorStats{
		Sent: n.sent.Load(), Acked: n.acked.Load(), Refused: n.refused.Load(),
		LeftOut:    LeftOut{Conflated: n.conflated.Load(), Dropped: n.dropped.Load()},
		Reconnects: n.reconnects.Load(), Moves: n.moves.Load(), Failures: n.failures.Load(),
	}
}

// note counts an event that the program gets, and logs what it should not have to look for.
func (s *session) note(ev Event) {
	n := &s.counts
	switch e := ev.(type) {
	case mark:
		return
	case PriceUpdate:
		if e.Snapshot {
			n.snapshots.Add(1)
		} else {
			n.prices.Add(1)
		}
	case Conflated:
		n.skipped.Add(e.Skipped)
	case Missed:
		n.missed.Add(e.Events)
	case Lost:
		n.lost.Add(e.Messages)
	case Rejoined:
		s.logRejected(e.Rejected)
	case Moved:
		s.logRejected(e.Rejected)
	case LeftOut:
		if s.opt.Logger != nil {
			s.opt.Logger.Warn("events were not sent, because there was no connection", "conflated", e.Conflated, "dropped", e.Dropped)
		}
		n.conflated.Add(e.Conflated)
		n.dropped.Add(e.Dropped)
	}
	n.events.Add(1)
}
