package client

import (
	"context"
	"slices"
	"strconv"
	"time"

	"backbone/protocol"
)

// A server that wants a client elsewhere says so some time before it closes the connection. The client
// then connects to the next server, and goes on with both for a while, so that nothing is missed.

const (
	// settleTime is how long a Conn goes on with the old connection once it is in all rooms on the new
	// one: one instance can be that much behind another.
	settleTime = 500 * time.Millisecond
	// quietTime is how long an Ingestor publishes nothing between two servers, so that the next one has
	// what the other instance took in.
	quietTime = 100 * time.Millisecond
	// moveTimeout bounds the parts of a move that wait for a server.
	moveTimeout = 10 * time.Second
)

// Ids of what the client asks for by itself. Those of calls are numbers.
const (
	fenceID = "fence" // of a fence's ping, with a number behind it
	stampID = "stamp" // of joins that turn stamps on
	plainID = "plain" // of joins that turn stamps off
)

// fence is a point on a connection. Until it is lifted, nothing is written behind it but what is urgent.
type fence struct {
	id     string
	passed chan struct{} // closed by the reader: all requests before it have their replies

	sent bool // the ping was; owned by the writer

	// Owned by the reader.
	answered bool     // the ping was
	overlap  []string // what has no stamp and came since
}

// move is the way from one connection to the next. Its own goroutine makes it, while the session
// attends to the first.
type move struct {
	cancel context.CancelFunc
	done   chan struct{} // closed when next is set

	next *connection // that is ready to take over; nil: there is none
}

// mayMove reports whether the session can go on with another connection by itself. Where the program
// takes messages as they are, it cannot leave out what comes twice.
func (s *session) mayMove() bool { return s.opt.onMessage == nil }

// startMove moves from conn after a time.
func (s *session) startMove(conn *connection, after time.Duration) *move {
	ctx, cancel := context.WithCancel(s.ctx)
	m := &move{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(m.done)
		m.next = s.prepare(ctx, conn, after)
	}()
	return m
}

// end ends the move, and returns the connection to go on with, nil if there is none.
func (m *move) end() *connection {
	if m == nil {
		return nil
	}
	m.cancel()
	<-m.done
	return m.next
}

// prepare connects to the next server, and makes that connection ready to take over from conn. It tries
// until it has one, and returns nil once ctx has ended.
func (s *session) prepare(ctx context.Context, conn *connection, after time.Duration) *connection {
	due := time.Now().Add(after)
	s.servers.at = conn.at
	s.servers.next()
	for failures := 0; ; failures++ {
		if s.stampEarly(ctx, conn) {
			if next := s.prepareOne(ctx, conn, time.Until(due)); next != nil {
				return next
			}
		}
		conn.lift()
		if !sleep(ctx, s.wait(failures)) {
			return nil
		}
	}
}

// stampEarly has the server stamp all prices some time before another connection brings them too. It is
// false if that did not come about.
func (s *session) stampEarly(ctx context.Context, conn *connection) bool {
	if len(s.unstamped()) == 0 {
		return true
	}
	if !s.fence(ctx, conn) {
		return false
	}
	s.askForStamps(conn)
	conn.lift()
	return true
}

// prepareOne connects after a time, and makes that connection ready. It returns nil if that fails.
func (s *session) prepareOne(ctx context.Context, conn *connection, after time.Duration) *connection {
	next := s.dialNext(ctx, after)
	if next == nil {
		return nil
	}
	next.moved = true
	if !s.fence(ctx, conn) || s.askForStamps(conn) && !sleep(ctx, settleTime) { // joined meanwhile
		next.discard()
		return nil
	}
	if !s.standBy(ctx, next) {
		next.discard()
		s.lost(next, next.failure())
		return nil
	}
	return next
}

// unstamped returns the rooms whose prices have no stamps.
func (s *session) unstamped() []string {
	return slices.DeleteFunc(s.rooms.plain(), func(room string) bool {
		_, stamped := s.rooms.extra.Load(room)
		return stamped
	})
}

// askForStamps has the server stamp the prices of the rooms that have none, and reports whether there are
// such. All requests have their replies then, and none is written: a join behind a leave would join again.
func (s *session) askForStamps(conn *connection) bool {
	rooms := s.unstamped()
	if len(rooms) == 0 {
		return false
	}
	for _, room := range rooms {
		s.rooms.extra.Store(room, nil)
	}
	s.extra.Store(true)
	messages := s.restamp(rooms, true)
	conn.aside.Store(&messages)
	conn.signalUrgent()
	return true
}

// restamp returns the joins that turn the stamps of joined rooms on or off.
func (s *session) restamp(rooms []string, on bool) (messages [][]byte) {
	id := plainID
	if on {
		id = stampID
	}
	for _, part := range s.splitRooms(rooms, JoinOptions{Stamp: true}) {
		messages = append(messages, encode(struct {
			Type  string   `json:"type"`
			Rooms []string `json:"rooms"`
			Stamp bool     `json:"stamp"` // also if it is false
			ID    string   `json:"id"`
		}{protocol.TypeJoin, part, on, id}))
	}
	return messages
}

// dialNext connects to the next server that accepts, after a time. It returns nil once ctx has ended.
func (s *session) dialNext(ctx context.Context, after time.Duration) *connection {
	for failures := 0; ; failures++ {
		if !sleep(ctx, after) {
			return nil
		}
		if conn, err := s.round(ctx); err == nil {
			return conn
		}
		after = s.wait(failures)
	}
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

// takeOver readies the session for a connection that comes from a move, and returns what is written first.
func (s *session) takeOver(conn *connection) (first [][]byte) {
	conn.live.Store(true)
	if conn.standby != nil {
		close(conn.standby.quit)
		<-conn.standby.written
	}
	for _, r := range conn.rejoined.Rejected {
		s.rooms.remove(r.Room)
	}
	s.rooms.moved()
	first = s.restamp(s.rooms.plain(), false)
	if conn.asides = len(first); conn.asides == 0 {
		s.noExtra()
	}
	return first
}

// noExtra notes that no more prices come with stamps that the program does not want.
func (s *session) noExtra() {
	s.extra.Store(false)
	s.rooms.forgetExtra()
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

// plainAnswered handles the reply to a join that turns stamps off: prices without stamps come behind the
// last. If the server has refused one, stamps are taken off here as long as the connection lasts.
func (s *session) plainAnswered(conn *connection, m *protocol.ServerMessage) {
	if conn.asides == 0 {
		return
	}
	conn.asides--
	conn.stamps = conn.stamps || m.Type != protocol.TypeJoined || len(m.Rejected) > 0
	if conn.asides == 0 && !conn.stamps {
		s.noExtra()
	}
}
