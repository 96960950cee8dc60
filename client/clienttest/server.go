// Package clienttest is a backbone server for the tests of programs that use the package
// client. It listens on loopback and needs neither Redis nor another process.
//
// A [Server] speaks the whole protocol: rooms, snapshots, prefixes, stamps, fewer prices, acknowledgements, batches, chat,
// heartbeats, and the status of rooms that were joined with a time of their own. It limits neither
// rates nor rooms, checks no credentials, and sends no marks, as a server that bounds no ages. It
// keeps every last price until it is closed, so no other room is silent. A test can look at the
// published events, publish events itself, reject rooms, refuse handshakes and break connections.
//
//	srv := clienttest.NewServer()
//	defer srv.Close()
//	conn, err := client.Dial(ctx, srv.URL, nil)
package clienttest

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"

	"github.com/coder/websocket"

	"backbone/protocol"
)

// Server is a server that runs until Close. Its methods are safe for concurrent use by
// multiple goroutines. Each takes effect before it returns.
type Server struct {
	// URL is where clients connect, as ws://127.0.0.1:port. It does not change.
	URL string

	// Immutable.
	http  *httptest.Server
	epoch string      // of the stamps
	do    chan func() // to run
	quit  chan struct{}

	serving sync.WaitGroup // handlers of clients

	// Owned by run.
	conns     map[*conn]bool
	last      map[string]*value // the newest price of each instrument
	rejected  map[string]protocol.Rejected
	published []string
	status    int         // for refused handshakes; 0: handshakes are accepted
	breaks    int         // calls of Disconnect and CloseWith
	end       func(*conn) // that of the last one
	closing   bool        // no connection may begin any more
}

// NewServer starts a server on loopback.
func NewServer() *Server {
	s := &Server{
		epoch: fmt.Sprintf("%016x.0", rand.Uint64()), do: make(chan func()), quit: make(chan struct{}),
		conns: map[*conn]bool{}, end: drop, last: map[string]*value{}, rejected: map[string]protocol.Rejected{},
	}
	s.http = httptest.NewServer(http.HandlerFunc(s.serve))
	s.URL = "ws" + strings.TrimPrefix(s.http.URL, "http")
	go s.run()
	return s
}

// Close breaks all connections and returns when no goroutine of the server is left. It must
// be called once, as the last of the methods.
func (s *Server) Close() {
	s.step(func() { s.closing = true })
	s.Disconnect()
	s.http.Close()
	s.serving.Wait()
	close(s.quit)
}

// Publish handles events as if an ingestor had sent each in one message. An event is a text such
// as {"type":"price_update","instrument":"BTC_USDT","price":60214.3,"ts":1}. The error is that
// of the first event that is refused. The events after it are not published.
func (s *Server) Publish(events ...string) (err error) {
	s.step(func() {
		for _, text := range events {
			if err = s.publish(text); err != nil {
				return
			}
		}
	})
	return err
}

// Published returns the events that were accepted so far, in order, without their ids.
func (s *Server) Published() (events []string) {
	s.step(func() { events = slices.Clone(s.published) })
	return events
}

// Send sends a message unchanged to all members of a room, such as a conflated, a status, or a
// message that the client does not know.
func (s *Server) Send(room, message string) {
	s.step(func() { s.toRoom(room, message) })
}

// Members returns how many connections have joined a room.
func (s *Server) Members(room string) (n int) {
	s.step(func() {
		for c := range s.conns {
			if c.rooms[room] != nil {
				n++
			}
		}
	})
	return n
}

// Reject makes the server reject later joins of a room, and later events of it, with a code and
// a message.
func (s *Server) Reject(room string, code protocol.Code, message string) {
	s.step(func() { s.rejected[room] = protocol.Rejected{Room: room, Code: code, Message: message} })
}

// Refuse makes the server answer later handshakes with an HTTP status instead of a connection.
// 0 accepts handshakes again. 401 and 403 end a client that no server has accepted before. Any other
// one tries again, and after 401 and 403 only after seconds.
func (s *Server) Refuse(status int) {
	s.step(func() { s.status = status })
}

// Disconnect breaks all connections as a network does. Clients connect again.
func (s *Server) Disconnect() {
	s.endAll(drop)
}

func drop(c *conn) { _ = c.ws.CloseNow() } // it may be closed already

// CloseWith closes all connections with a close code. 4401 ends clients; after any other code they
// connect again.
func (s *Server) CloseWith(code protocol.CloseCode, reason string) {
	s.endAll(func(c *conn) {
		s.serving.Go(func() { _ = c.ws.Close(websocket.StatusCode(code), reason) }) // it may be closed already
	})
}

func (s *Server) endAll(end func(*conn)) {
	s.step(func() {
		s.breaks++
		s.end = end
		for c := range s.conns {
			end(c)
		}
	})
}

// step runs f in the goroutine that owns the state, and waits for it.
func (s *Server) step(f func()) {
	done := make(chan struct{})
	select {
	case s.do <- func() { defer close(done); f() }:
		<-done
	case <-s.quit:
	}
}

func (s *Server) run() {
	for {
		select {
		case f := <-s.do:
			f()
		case <-s.quit:
			return
		}
	}
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.serving.Add(1)
	defer s.serving.Done()
	var status, breaks int
	s.step(func() { status, breaks = s.status, s.breaks })
	if status != 0 {
		http.Error(w, "clienttest: the server refuses with this status", status)
		return
	}
	var ingestor bool
	switch r.URL.Path {
	case protocol.PathConsume:
	case protocol.PathIngest:
		ingestor = true
	default:
		http.NotFound(w, r)
		return
	}
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{protocol.Subprotocol}})
	if err != nil {
		return // Accept has answered
	}
	c := newConn(ws, ingestor)
	s.step(func() {
		s.conns[c] = true
		if s.closing || s.breaks != breaks { // the client was connected before we knew
			s.end(c)
		}
	})
	c.serve(func(messages []protocol.ClientMessage, batch bool) {
		s.step(func() {
			for i, m := range messages {
				s.handle(c, m, index(i, batch))
			}
		})
	})
	s.step(func() {
		delete(s.conns, c)
		for _, m := range c.rooms {
			m.stop()
		}
	})
	c.end()
}

// index is the position within a batch, nil outside of one.
func index(i int, batch bool) *int {
	if !batch {
		return nil
	}
	return &i
}

func (s *Server) toRoom(room, message string) {
	for c := range s.conns {
		if c.rooms[room] != nil {
			c.send([]byte(message))
		}
	}
}

// rejectedError says why a request is not carried out.
type rejectedError struct {
	code    protocol.Code
	message string
}

func (e *rejectedError) Error() string { return fmt.Sprintf("%s: %s", e.code, e.message) }
