package client

import (
	"context"
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

// Ids of what the client asks for by itself.
const (
	fenceID = "fence" // of the last ping on a connection
	asideID = "aside" // of joins that change stamps
)

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

// prepare connects to the next server, and makes that connection ready to take over from conn. It returns
// nil if ctx ends before, or if that is not possible.
func (s *session) prepare(ctx context.Context, conn *connection, after time.Duration) *connection {
	plain := s.askForStamps(conn)
	next := s.dialNext(ctx, after)
	if next == nil {
		return nil
	}
	next.moved, next.plain = true, plain
	if s.fence(ctx, conn) && s.standBy(ctx, next) {
		return next
	}
	conn.frozen.Store(false)
	conn.signalUrgent()
	next.discard()
	return nil
}

// askForStamps has the server stamp the prices of all rooms, and returns those that had none.
func (s *session) askForStamps(conn *connection) (plain []string) {
	if s.events == nil {
		return nil
	}
	for room, opt := range s.rooms.options.Range {
		if !opt.(JoinOptions).Stamp {
			plain = append(plain, room.(string))
		}
	}
	if len(plain) > 0 {
		s.extra.Store(true)
		messages := s.restamp(plain, true)
		conn.aside.Store(&messages)
		conn.signalUrgent()
	}
	return plain
}

// restamp returns the joins that turn the stamps of joined rooms on or off.
func (s *session) restamp(rooms []string, on bool) (messages [][]byte) {
	for _, part := range s.splitRooms(rooms, JoinOptions{Stamp: true}) {
		messages = append(messages, encode(struct {
			Type  string   `json:"type"`
			Rooms []string `json:"rooms"`
			Stamp bool     `json:"stamp"` // also if it is false
			ID    string   `json:"id"`
		}{protocol.TypeJoin, part, on, asideID}))
	}
	return messages
}

// dialNext connects to the next server that accepts, after a time. It returns nil once ctx has ended.
func (s *session) dialNext(ctx context.Context, after time.Duration) *connection {
	s.servers.next()
	for failures := 0; ; failures++ {
		select {
		case <-time.After(after):
		case <-ctx.Done():
			return nil
		}
		if conn, err := s.round(ctx); err == nil {
			return conn
		}
		after = s.wait(failures)
	}
}

// fence has no request written to conn any more, and returns when all that were have their replies. It is
// false if that did not come about. Then requests may be on their way still.
func (s *session) fence(ctx context.Context, conn *connection) bool {
	conn.frozen.Store(true)
	conn.signalUrgent()
	late := time.NewTimer(moveTimeout)
	defer late.Stop()
	select {
	case <-conn.fenced:
		return true
	case <-conn.readDone: // of a server that has said everything
	case <-late.C:
	case <-ctx.Done():
	}
	return false
}

// frozenWriter writes only what is urgent, until requests are to be written again or the connection ends.
func (s *session) frozenWriter(conn *connection) error {
	conn.wire.more.Store(false)
	if err := conn.writeUrgent(); err != nil {
		return err
	}
	if !conn.fenceSent {
		conn.fenceSent = true
		if err := conn.writeText(encode(protocol.ClientMessage{Type: protocol.TypePing, ID: fenceID})); err != nil {
			return err
		}
	}
	for conn.frozen.Load() {
		if err := conn.writeUrgent(); err != nil {
			return err
		}
		select {
		case <-conn.urgent:
		case <-conn.quit:
			return nil
		case <-s.ctx.Done(): // what is queued is still written
			conn.frozen.Store(false)
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
	first = s.restamp(conn.plain, false)
	conn.asides = len(first)
	return first
}

// arrive delivers what came before the connection took over. It is false once the session has ended.
func (s *session) arrive(conn *connection) (alive bool, err error) {
	if !s.deliver(Moved{Rejected: conn.rejoined.Rejected}) {
		return false, nil
	}
	b := conn.standby
	if b == nil {
		return true, nil
	}
	for i, message := range b.held {
		b.held[i] = nil
		if !s.receive(conn, message) {
			return false, nil
		}
	}
	for message := range b.early {
		if !s.receive(conn, message) {
			return false, nil
		}
	}
	conn.repeats = nil
	return true, b.err
}

// passFence notes whether this is the answer to the fence's ping. The fence is passed once there is none
// to come any more.
func (conn *connection) passFence(answer bool) {
	switch conn.passed = conn.passed || answer; {
	case !conn.passed, len(conn.waiting) > 0, len(conn.inflight) > 0:
		return
	}
	select {
	case <-conn.fenced:
	default:
		close(conn.fenced)
	}
}

// asideAnswered handles the reply to a join that changes stamps: prices without stamps come behind the
// last that turns them off.
func (s *session) asideAnswered(conn *connection, m *protocol.ServerMessage) {
	if m.ID != asideID || m.Type != protocol.TypeJoined || conn.asides == 0 {
		return
	}
	if conn.asides--; conn.asides == 0 {
		s.extra.Store(false)
		s.rooms.forgetExtra()
	}
}
