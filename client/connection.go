package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"backbone/internal/frame"
	"backbone/protocol"
)

// connection is one WebSocket: a reader, a writer, and the session's goroutine that looks
// after both.
type connection struct {
	// Immutable.
	ws       *websocket.Conn
	wire     *wireConn
	at       int           // of servers.all; set before it is attended to
	secure   bool          // by TLS
	expires  time.Time     // when the token of the handshake does; zero: it does not say
	renewed  chan renewal  // from the reader: the answer to conn.token
	inflight chan *call    // from the writer to the reader, in the order written; never full, as slots are fewer
	quit     chan struct{} // closed by the session: the writer ends

	beats atomic.Bool // the server has promised heartbeats; set by the reader

	// Safe for concurrent use by multiple goroutines. What is urgent does not wait for a place
	// in the queue, because the reader and the pump may not wait.
	again  chan []byte              // from the reader: joins that waited, and leaves once more; never full, as it has a place for each
	soon   atomic.Pointer[[]byte]   // a join once more, in a while; set by the reader, taken by it or by the writer
	due    atomic.Bool              // soon is to be sent
	answer atomic.Uint64            // number of the newest mark that is to be answered
	ping   atomic.Bool              // the server is to be asked for a sign of life
	token  atomic.Pointer[[]byte]   // a request with a new token, which is to be sent
	pong   atomic.Pointer[[]byte]   // what the server's newest ping said, which is to be sent back
	aside  atomic.Pointer[[][]byte] // joins of the move
	urgent chan struct{}            // a signal for the writer: one of these has changed

	fence     atomic.Pointer[fence] // no request is written behind it; nil: there is none; set by the move, and at the session's end by the writer
	pauses    chan time.Duration    // from the reader: how long soon waits
	drains    chan time.Duration    // from the reader: after how long the server wants this client elsewhere
	discarded chan struct{}         // closed by the move: it does not take over
	live      atomic.Bool           // set by the session: it has taken over
	rejoining atomic.Bool           // there is something to be joined again; set by the session, ended by the reader

	// Owned by the writer.
	answered  uint64    // number of the newest answer
	asideLeft [][]byte  // joins of the move that are not written yet
	behind    []request // joins and leaves of prefixes that wait for rejoining to end; at the end the session's

	// Set by the move, then owned by the session until it attends to the connection.
	moved   bool      // it takes over from another one
	standby *standby  // nil: it never stood by
	owed    *Rejoined // of the connection that it takes over from, which had not come to it; nil: nothing

	unstamping func() // ends the wait until stamps are turned off; set by the session before a move can begin

	// Written by the writer before it closes writeDone.
	writeErr  error
	writeDone chan struct{}

	// Written by the reader before it closes readDone.
	readErr  error
	readDone chan struct{}

	reader
}

func newConnection(ws *websocket.Conn, wire *wireConn, slots int) *connection {
	return &connection{
		ws: ws, wire: wire,
		inflight:  make(chan *call, slots),
		quit:      make(chan struct{}),
		urgent:    make(chan struct{}, 1),
		drains:    make(chan time.Duration, 1),
		pauses:    make(chan time.Duration, 1),
		discarded: make(chan struct{}),
		renewed:   make(chan renewal, 1),
		writeDone: make(chan struct{}),
		readDone:  make(chan struct{}),
		reader:    reader{waiting: map[uint64]*call{}, rejoins: map[uint64]rejoin{}},
	}
}

// write sends first, then what is queued, until the connection ends. After the session's end
// it sends what is still queued.
func (s *session) write(conn *connection, first [][]byte) error {
	for _, data := range first {
		if err := conn.writeText(data); err != nil {
			return err
		}
	}
	if s.next.data == nil {
		s.next = s.poll() // what was kept while there was no connection is before what is queued
	}
	for {
		if conn.fence.Load() != nil {
			if err := s.frozenWriter(conn); err != nil || conn.fence.Load() != nil {
				return err
			}
		}
		conn.wire.more.Store(s.next.data != nil && !conn.keeps(s.next))
		if err := conn.writeUrgent(); err != nil {
			return err
		}
		if err := s.writeBehind(conn); err != nil {
			return err
		}
		if s.next.data == nil {
			select {
			case r := <-s.out:
				if r.claim() {
					s.next = r
				}
			case <-conn.urgent:
			case <-conn.quit:
				return nil
			case <-s.ctx.Done():
				if s.next = s.poll(); s.next.data == nil {
					return nil
				}
			}
			continue
		}
		// The next request is taken before this one is written, so that it is certain whether
		// another Write follows.
		r := s.next
		s.next = s.poll()
		conn.wire.more.Store(s.next.data != nil && !conn.keeps(s.next))
		if err := s.writeOrKeep(conn, r); err != nil {
			return err
		}
	}
}

func (conn *connection) writeText(data []byte) error {
	// No context: one that ends would close the connection. Closing the wire ends Write.
	return conn.ws.Write(context.Background(), websocket.MessageText, data)
}

// writeUrgent writes what is urgent.
func (conn *connection) writeUrgent() error {
	for kind, data := conn.nextUrgent(); kind != 0; kind, data = conn.nextUrgent() {
		if err := conn.ws.Write(context.Background(), kind, data); err != nil {
			return err
		}
	}
	return nil
}

// promised notes that the server has accepted a join that asked for heartbeats, if one did.
func (conn *connection) promised(heartbeat time.Duration) {
	if heartbeat > 0 && !conn.beats.Load() {
		conn.beats.Store(true)
	}
}

// writeAside has the writer write joins of a move, before what is queued.
func (conn *connection) writeAside(joins [][]byte) {
	conn.aside.Store(&joins)
	conn.signalUrgent()
}

// signalUrgent has the writer look at what is urgent.
func (conn *connection) signalUrgent() {
	select {
	case conn.urgent <- struct{}{}:
	default: // one signal is enough
	}
}

// The library writes a frame whose opcode is the type of the message. So the writer can send control
// frames, and they wait as long as messages do. Those that the library sends by itself close a
// connection that takes more than five seconds for them.
const (
	messagePing = websocket.MessageType(frame.Ping)
	messagePong = websocket.MessageType(frame.Pong)
)

// nextUrgent returns what the writer has to write before what is queued, of kind 0 if there is nothing.
func (conn *connection) nextUrgent() (kind websocket.MessageType, data []byte) {
	if conn.ping.Swap(false) {
		return messagePing, []byte{'1'}
	}
	if said := conn.pong.Swap(nil); said != nil {
		return messagePong, *said
	}
	if token := conn.token.Swap(nil); token != nil {
		return websocket.MessageText, *token
	}
	if conn.due.Load() {
		if join := conn.soon.Swap(nil); join != nil {
			conn.due.Store(false)
			return websocket.MessageText, *join
		}
	}
	select {
	case join := <-conn.again:
		return websocket.MessageText, join
	default:
	}
	if more := conn.aside.Swap(nil); more != nil {
		conn.asideLeft = *more
	}
	if len(conn.asideLeft) > 0 {
		data, conn.asideLeft = conn.asideLeft[0], conn.asideLeft[1:]
		return websocket.MessageText, data
	}
	n := conn.answer.Load()
	if n == conn.answered {
		return 0, nil
	}
	conn.answered = n
	return websocket.MessageText, encode(protocol.ClientMessage{Type: protocol.TypeMarked, N: n})
}

// pinged has the writer answer a ping of the server. Of several it answers the newest.
func (conn *connection) pinged(said []byte) {
	said = bytes.Clone(said)
	conn.pong.Store(&said)
	conn.signalUrgent()
}

// claim reports whether the request is still wanted. After that it cannot be withdrawn.
func (r *request) claim() bool {
	r.claimed = r.claimed || r.call == nil || r.call.claimed.CompareAndSwap(false, true)
	return r.claimed
}

// withdrawn reports whether its caller has withdrawn the request.
func (r *request) withdrawn() bool { return r.withdrawable() && r.call.claimed.Load() }

// withdrawable reports whether its caller may withdraw the request, or has.
func (r *request) withdrawable() bool { return r.call != nil && !r.call.stays && !r.claimed }

// poll returns the next wanted request, or none.
func (s *session) poll() request {
	for {
		r, held := s.kept.pop()
		if !held {
			select {
			case r = <-s.out:
			default:
				return request{}
			}
		}
		if r.claim() {
			return r
		}
	}
}

// failure is why the connection ended, for people and for errors.Is.
func (conn *connection) failure() error {
	for _, err := range []error{conn.readErr, conn.writeErr} {
		if closed, ok := errors.AsType[websocket.CloseError](err); ok {
			return &CloseError{Code: protocol.CloseCode(closed.Code), Reason: closed.Reason}
		}
	}
	if err := errors.Join(conn.readErr, conn.writeErr); err != nil {
		return fmt.Errorf("client: %w: %w", ErrConnectionLost, err)
	}
	return fmt.Errorf("client: %w", ErrConnectionLost)
}

// find returns the call that waits for a reply with this id, and forgets it. Only the
// reader may call it.
func (conn *connection) find(id uint64) *call {
	if c, ok := conn.waiting[id]; ok {
		delete(conn.waiting, id)
		return c
	}
	for {
		select {
		case c := <-conn.inflight: // the usual case: replies come in the order of requests
			if c.id == id {
				return c
			}
			conn.waiting[c.id] = c
		default:
			return nil
		}
	}
}

// parseID returns 0, which no request has, for an id that is not from this client.
func parseID(id string) uint64 {
	n, err := strconv.ParseUint(id, 10, 64)
	if err != nil {
		return 0
	}
	return n
}
