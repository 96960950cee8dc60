package client

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"
	"time"

	"backbone/protocol"
)

// maxStandby bounds what is kept of a connection that does not deliver yet, bytes. Beyond it nothing is
// read, and the server conflates.
const maxStandby = 8 << 20

// standby is a connection's part before it takes over from another one.
type standby struct {
	quit    chan struct{} // closed when it takes over: the session's writer comes
	written chan struct{} // closed when its own writer has ended
	early   chan []byte   // messages, from its own reader until that has seen that it took over; then closed

	err error // of its reader; set before early is closed

	// Owned by the move, then by the reader.
	held  [][]byte // messages in order
	bytes int
}

// standBy joins the rooms on next, and keeps what comes until next can take over. It is false if it
// cannot. An Ingestor has no rooms, and waits only until its last events can have come to the next instance.
func (s *session) standBy(ctx context.Context, next *connection) bool {
	if s.events == nil {
		_ = sleep(ctx, quietTime) // or until the connection before ends
		return s.ctx.Err() == nil
	}
	b := &standby{quit: make(chan struct{}), written: make(chan struct{}), early: make(chan []byte)}
	next.standby = b
	var joins [][]byte
	for _, join := range s.rejoins() {
		join.options = stamping(join.options)
		joins = append(joins, s.rejoinMessage(next, join))
	}
	s.confirm(next)
	go func() {
		defer close(b.written)
		_ = next.writeEarly(joins) // the reader fails too
	}()
	go next.readEarly() // it goes on when the move has ended
	return s.collect(ctx, next)
}

func stamping(opt JoinOptions) JoinOptions {
	opt.Stamp = true
	return opt
}

// collect keeps messages until all joins have been answered and the instances had time to be level. It
// is false if the connection ends, or ctx does before the joins were answered.
func (s *session) collect(ctx context.Context, next *connection) bool {
	late, settled := time.NewTimer(moveTimeout), time.NewTimer(settleTime)
	defer late.Stop()
	defer settled.Stop()
	b := next.standby
	for joined := false; ; {
		if !joined && len(next.rejoins) == 0 {
			joined = true
			settled.Reset(settleTime)
		}
		ready, early := settled.C, b.early
		if !joined {
			ready = nil
		}
		if b.bytes > maxStandby {
			early = nil
		}
		select {
		case message, ok := <-early:
			if !ok || !s.keep(next, message) {
				return false
			}
		case <-ready:
			if !s.stalled.Load() {
				return true
			}
			settled.Reset(settleTime) // a slow program has not come to what the old connection brought
		case <-late.C:
			return joined
		case <-ctx.Done():
			return joined && s.ctx.Err() == nil
		}
	}
}

// keep takes a message of a connection that does not deliver yet. It is false if that cannot take over.
func (s *session) keep(next *connection, message []byte) bool {
	if n, _, ok := protocol.ScanMark(message); ok {
		next.answerMark(n)
		return true
	}
	if isReply(message) {
		var m protocol.ServerMessage
		if json.Unmarshal(message, &m) == nil {
			if join, ours := next.rejoins[parseID(m.ID)]; ours {
				delete(next.rejoins, parseID(m.ID))
				if m.Prefix != nil {
					next.standby.hold(message) // names rooms
				}
				return s.keepAnswer(next, join, &m)
			}
		}
	}
	next.standby.hold(message)
	return true
}

func (b *standby) hold(message []byte) {
	b.held = append(b.held, message)
	b.bytes += len(message)
}

func isReply(message []byte) bool {
	return bytes.HasPrefix(message, []byte(`{"type":"`+protocol.TypeJoined+`"`)) ||
		bytes.HasPrefix(message, []byte(`{"type":"`+protocol.TypeError+`"`))
}

func (s *session) keepAnswer(next *connection, join rejoin, m *protocol.ServerMessage) bool {
	if m.Code == protocol.CodeUnknownField && join.prefix == nil || m.Code == protocol.CodeRateLimited {
		return false // it is too old for this, or takes no more rooms now
	}
	if m.Type == protocol.TypeJoined {
		next.promised(s.opt.heartbeat)
	}
	join.refused(m, &next.rejoined)
	return true
}

// arrive delivers what came before the connection took over. It is false once the session has ended.
func (s *session) arrive(conn *connection) (alive bool, err error) {
	moved, r := Moved{Rejected: conn.rejoined.Rejected, RejectedPrefixes: conn.rejoined.RejectedPrefixes}, conn.owed
	if !s.deliver(moved) || r != nil && !s.deliver(Rejoined{Rooms: s.rooms.still(r.Rooms), Rejected: r.Rejected, Reduced: r.Reduced}) {
		return false, nil
	}
	b := conn.standby
	if b == nil {
		return true, nil
	}
	conn.early = true
	for i, message := range b.held {
		b.held[i] = nil
		if !s.receive(conn, message) {
			return false, nil
		}
	}
	s.removeUnconfirmed(conn)
	conn.early, conn.settled = false, time.Now().Add(settleTime)
	for message := range b.early {
		if !s.receive(conn, message) {
			return false, nil
		}
	}
	return true, b.err
}

// readEarly reads until the connection has taken over and one more message has come, or it ends.
func (conn *connection) readEarly() {
	b := conn.standby
	defer close(b.early)
	buf := make([]byte, 0, 4<<10)
	for !conn.live.Load() {
		if buf, b.err = conn.readMessage(buf); b.err != nil {
			return
		}
		select {
		case b.early <- bytes.Clone(buf):
		case <-conn.discarded:
			return
		}
	}
}

// writeEarly writes joins, and then what is urgent, until the connection takes over or fails.
func (conn *connection) writeEarly(joins [][]byte) error {
	for _, join := range joins {
		if err := conn.writeText(join); err != nil {
			return err
		}
	}
	for {
		if err := conn.writeUrgent(); err != nil {
			return err
		}
		select {
		case <-conn.urgent:
		case <-conn.standby.quit:
			return nil
		}
	}
}

// discard ends a connection that has not taken over.
func (conn *connection) discard() {
	close(conn.discarded)
	_ = conn.wire.Close()
	_ = conn.ws.CloseNow()
	if b := conn.standby; b != nil {
		close(b.quit)
		<-b.written
		b.drain()
		conn.readErr = b.err
	}
}

// drain returns when the reader has ended, which nobody listens to any more. The connection is closed.
func (b *standby) drain() {
	for range b.early { // ends
	}
}

// fenceID is the id of a fence's ping, with a number behind it.
const fenceID = "fence"

// fence is a point on a connection. Until it is lifted, nothing is written behind it but what is urgent.
type fence struct {
	id     string
	passed chan struct{} // closed by the reader: all requests before it have their replies

	sent bool // the ping was; owned by the writer

	// Owned by the reader.
	answered bool     // the ping was
	overlap  []string // what has no stamp and came since
}

// fence has no request written to conn until lift, and returns when all that were have their replies. It is
// false if that did not come about. Then requests may be on their way still.
func (s *session) fence(ctx context.Context, conn *connection) bool {
	f := &fence{id: fenceID + strconv.FormatUint(s.lastID.Add(1), 10), passed: make(chan struct{})}
	conn.fence.Store(f)
	conn.signalUrgent()
	late := time.NewTimer(moveTimeout)
	defer late.Stop()
	select {
	case <-f.passed:
		return true
	case <-conn.readDone: // of a server that has said everything
	case <-late.C:
	case <-ctx.Done():
	}
	return false
}

// lift has requests written again.
func (conn *connection) lift() {
	conn.fence.Store(nil)
	conn.signalUrgent()
}

// frozenWriter writes only what is urgent, until requests are to be written again or the connection ends.
func (s *session) frozenWriter(conn *connection) error {
	conn.wire.more.Store(false)
	for f := conn.fence.Load(); f != nil; f = conn.fence.Load() {
		if err := conn.writeUrgent(); err != nil {
			return err
		}
		if !f.sent {
			f.sent = true
			if err := conn.writeText(encode(protocol.ClientMessage{Type: protocol.TypePing, ID: f.id})); err != nil {
				return err
			}
		}
		select {
		case <-conn.urgent:
		case <-conn.quit:
			return nil
		case <-s.ctx.Done(): // what is queued is still written
			conn.fence.Store(nil)
		}
	}
	return nil
}

// passFence notes the id of a reply. The fence is passed once its ping was answered and there is no reply to
// come any more.
func (conn *connection) passFence(id string) {
	f := conn.fence.Load()
	if f == nil {
		return
	}
	switch f.answered = f.answered || f.id == id; {
	case !f.answered, len(conn.waiting) > 0, len(conn.inflight) > 0:
		return
	}
	select {
	case <-f.passed:
	default:
		close(f.passed)
	}
}
