package client

import (
	"context"
	"slices"
	"time"

	"backbone/protocol"
)

// A server that wants a client elsewhere says so some time before it closes the connection. The client
// then connects to the next server, and goes on with both for a while, so that nothing is missed.

const (
	// settleTime is how much one instance can be behind another. So long a Conn goes on with the old
	// connection once it is in all rooms on the new one, and then expects on this what came on that.
	settleTime = 500 * time.Millisecond
	// quietTime is how long an Ingestor publishes nothing between two servers, so that the next one has
	// what the other instance took in.
	quietTime = 100 * time.Millisecond
	// moveTimeout bounds the parts of a move that wait for a server.
	moveTimeout = 10 * time.Second
)

// Ids of what the client asks for by itself. Those of calls are numbers.
const (
	stampID = "stamp" // of joins that turn stamps on
	plainID = "plain" // of joins that turn stamps off

	lastPlainID = "plain-last" // of the last of them
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

// prepare connects to the next server, and makes that connection ready to take over from conn. It tries
// until it has one, and returns nil once ctx has ended.
func (s *session) prepare(ctx context.Context, conn *connection, after time.Duration) *connection {
	conn.unstamping()
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
	if len(s.unstamped()) == 0 && len(s.rooms.prefixed()) == 0 {
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
	prefixes := s.restampPrefixes(true)
	if len(rooms) == 0 && len(prefixes) == 0 {
		return false
	}
	for _, room := range rooms {
		s.rooms.extra.Store(room, nil)
	}
	s.extra.Store(true)
	conn.writeAside(append(s.restamp(rooms, true), prefixes...))
	return len(rooms) > 0
}

// restamp returns the joins that turn the stamps of joined rooms on or off.
func (s *session) restamp(rooms []string, on bool) (messages [][]byte) {
	parts := s.splitRooms(rooms, JoinOptions{Stamp: true})
	for i, part := range parts {
		id := stampID
		switch {
		case on:
		case i < len(parts)-1:
			id = plainID
		default:
			id = lastPlainID
		}
		messages = append(messages, encode(restamp{protocol.TypeJoin, nil, part, on, id}))
	}
	return messages
}

// restamp is a join that turns stamps on or off.
type restamp struct {
	Type   string   `json:"type"`
	Prefix *string  `json:"prefix,omitempty"`
	Rooms  []string `json:"rooms,omitempty"`
	Stamp  bool     `json:"stamp"` // also if it is false
	ID     string   `json:"id"`
}

// restampPrefixes is restamp for the prefixes whose stamps the program does not want: for their later rooms.
func (s *session) restampPrefixes(on bool) (messages [][]byte) {
	for _, prefix := range s.rooms.prefixed() {
		if opt, joined := s.rooms.prefixes.Load(prefix); joined && !opt.(JoinOptions).Stamp {
			messages = append(messages, encode(restamp{protocol.TypeJoin, &prefix, nil, on, stampID}))
		}
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

// takeOver readies the session for a connection that comes from a move.
func (s *session) takeOver(conn *connection) {
	conn.live.Store(true)
	if conn.standby != nil {
		close(conn.standby.quit)
		<-conn.standby.written
	}
	for _, r := range conn.rejoined.Rejected {
		s.rooms.remove(r.Room)
	}
	s.rooms.moved()
}

// unstamp turns off the stamps that only the move wanted, once conn should have brought what the connection
// before has: without stamps that cannot be told from what is new. It goes on until that has come about, or the
// function that it returns is called.
func (s *session) unstamp(conn *connection) (stop func()) {
	if !conn.moved || !s.extra.Load() {
		return func() {}
	}
	ctx, cancel := context.WithCancel(s.ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for asked := false; !asked && sleep(ctx, settleTime); conn.lift() {
			if asked = s.fence(ctx, conn); asked {
				conn.writeAside(append(s.restampPrefixes(false), s.restamp(s.rooms.plain(), false)...))
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// noExtra notes that no more prices come with stamps that the program does not want.
func (s *session) noExtra() {
	s.extra.Store(false)
	s.rooms.forgetExtra()
}

// plainAnswered handles the reply to a join that turns stamps off: prices without stamps come behind the
// last. If the server has refused one, stamps are taken off here as long as the connection lasts.
func (s *session) plainAnswered(conn *connection, m *protocol.ServerMessage) {
	conn.stamps = conn.stamps || m.Type != protocol.TypeJoined || len(m.Rejected) > 0
	if m.ID == lastPlainID && !conn.stamps {
		s.noExtra()
	}
}
