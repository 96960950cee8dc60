package transport

import (
	"crypto/tls"
	"io"
	"math"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"backbone/internal/auth"
	"backbone/internal/awake"
	"backbone/internal/drain"
	"backbone/internal/hub"
	"backbone/internal/proxied"
	"backbone/protocol"
)

// How long a connection that is being closed can take.
const (
	lingerTimeout = 2 * time.Second // until the peer has answered a close frame
	lingerBytes   = 4 << 20         // that it may have under way meanwhile
	finalTimeout  = 1 * time.Second // until the peer has taken the last frame
)

// conn is one connection: a client of the hub and a socket, with a read side and a write side.
// Each side is owned by one goroutine at a time. Fields outside of the sides are immutable, or
// handed from the read side to the write side.
type conn struct {
	client hub.Client // immutable after newConn
	write  writeSide
	socket socket // immutable after newConn

	// Immutable after the handshake.
	server   *Server
	place    *place
	replies  chan []byte // read side -> write side: complete frames; nil: the read side has ended
	identity auth.Identity
	over     chan struct{} // closed by the write side at its end; nil: no limit delays the client
	age      *drain.Age    // nil: the connection may grow as old as it likes

	read readSide

	ending *ending // written by the read side before the nil in replies, read by the write side after it
}

// ending is how the read side ends the connection.
type ending struct {
	why   *closeError   // what the peer is told; nil: nothing, the peer is gone
	ended chan struct{} // closed by the write side at its end
}

func (s *Server) newConn(p *place, role protocol.Role) *conn {
	c := &conn{server: s, place: p, socket: newSocket(p.conn), replies: make(chan []byte, replyPlaces)}
	c.identity.Role = role
	p.seen.begun = s.now()
	if s.opts.Limits.delays(role) {
		c.over = make(chan struct{})
	}
	c.read.init(c)
	c.write.init(c)
	if !c.socket.writesNow() {
		c.client.Init(nil, &c.write)
	} else {
		c.write.writer = s.writers[s.next.Add(1)%uint32(len(s.writers))]
		c.client.Init(c.write.writer.ready, &c.write)
	}
	return c
}

// start makes the connection known to the hub, starts its WritePump and handles early, which is
// what the client sent right behind its handshake. After an error the connection has to end.
func (c *conn) start(early []byte) error {
	gone := c.socket.SetDeadline(time.Time{}) // the client can have closed by now
	if u := c.socket.under(); u != nil {
		u.open.Store(u.raw != nil)
		forgetHandshake(c.socket.Conn.(*tls.Conn)) //nolint:forcetypeassert // under is below one
	}
	c.server.stats.open.count(string(c.identity.Role))
	if c.identity.Role == protocol.Consumer && c.server.opts.Limits.MaxAge > 0 {
		c.write.fresh = newFreshness(c.server.opts.Limits.MaxAge, c.write.writer == nil)
	}
	c.server.opts.Hub.Register(&c.client)
	if d := c.server.opts.MaxConnectionAge; d > 0 {
		c.age = new(drain.Age)
		c.age.Begin(d, c)
	}
	if c.write.writer == nil {
		go c.write.WritePump()
	}
	c.read.restartWait()
	if len(early) == 0 || gone != nil {
		return gone
	}
	c.read.filled(copy(c.read.acquire(), early))
	return c.read.process()
}

// end waits for the write side to end, closes the socket and takes the client out of the hub.
// The read side calls it last. A *closeError is told to the peer.
func (c *conn) end(err error) {
	s := c.server
	why, ok := err.(*closeError) //nolint:errorlint // made in this package and never wrapped
	if !ok {
		c.socket.Close() // the peer is gone; this ends a write under way
	}
	late := c.closeLater()
	c.ending = &ending{why, make(chan struct{})}
	c.read.handOver(nil)
	<-c.ending.ended
	late.stop()
	if c.age != nil {
		c.age.End()
	}
	c.read.forgetPrefixes()
	c.leaveRooms(why)
	if why != nil {
		linger(&c.socket, lingerBytes)
		c.socket.Close()
	}
	s.stats.open.cell(string(c.identity.Role)).Add(-1)
	line := []any{"address", c.RemoteAddr(), "role", c.identity.Role, "name", c.identity.Name, "reason", err}
	if why != nil && why.reason != closedByClient && slices.Contains(toldCodes, why.code) {
		s.refusals.Tell(closeKind(why.code), append(line, "last_error", why.last)...)
	} else {
		s.log.Debug("connection closed", line...)
	}
	s.registry.leave(c.place)
}

// Warn tells the client to connect elsewhere after a time, if it has sent a request.
func (c *conn) Warn(after time.Duration) {
	if !c.place.asked.Load() {
		return
	}
	ms := after.Milliseconds()
	m := protocol.ServerMessage{Type: protocol.TypeDraining, ReconnectAfterMS: &ms}
	c.server.opts.Hub.Tell(&c.client, Frame(nil, string(m.Append(nil))))
	c.server.stats.warned.add(1)
}

// Dismiss closes the connection, behind what the client is to get: also what was accepted from producers
// and has not reached the hub yet.
func (c *conn) Dismiss() {
	c.server.opts.Ingest.Settle()
	c.server.opts.Hub.Close(&c.client)
}

// dismissal is what a client is told at an end that the hub has asked for.
func (c *conn) dismissal() *closeError {
	if c.server.draining.Load() {
		return &closeError{code: protocol.CloseRestart, reason: "the server is stopping"}
	}
	return &closeError{code: protocol.CloseRestart, reason: "the connection is as old as it may be: connect again"}
}

// leaveRooms takes the client out of the hub and of ingest. Those that end with many rooms take turns,
// each once it gets no more events.
func (c *conn) leaveRooms(why *closeError) {
	s, begun := c.server, false
	pause := func() {
		switch {
		case s.draining.Load(): // all go, and nobody is to be spared
		case begun:
			s.leaves.Pause()
		default:
			begun = s.leaves.Begin(time.Hour, func() bool { return true })
		}
	}
	rooms := s.opts.Hub.Unregister(&c.client, pause)
	if why != nil && len(why.unwatched) > 0 {
		rooms = slices.DeleteFunc(rooms, func(room string) bool { return why.unwatched[room] })
	}
	for ; len(rooms) > roomsPerMessage; rooms = rooms[roomsPerMessage:] {
		s.opts.Ingest.Unwatch(rooms[:roomsPerMessage], c.read.groups)
		pause()
	}
	s.opts.Ingest.Unwatch(rooms, c.read.groups)
	if begun {
		s.leaves.End()
	}
}

// lastWrite closes a socket when the last write has taken too long.
type lastWrite struct {
	conn    *conn         // immutable
	until   time.Time     // immutable
	timeout time.Duration // immutable
	spent   bool          // owned by passed, which runs once at a time
	timer   *time.Timer   // immutable once it runs
	over    atomic.Bool   // set by who writes, read by passed: the timer can pass as it is stopped
}

// closeLater closes the socket after the write time-out. A write under way can go on for as long
// as the peer makes progress, but not once it is the last.
func (c *conn) closeLater() *lastWrite {
	timeout := c.server.opts.Limits.WriteTimeout
	l := &lastWrite{conn: c, until: time.Now().Add(timeout), timeout: timeout}
	l.timer = time.AfterFunc(math.MaxInt64, l.passed)
	l.timer.Reset(timeout) // not before l.timer is set
	return l
}

func (l *lastWrite) stop() {
	l.over.Store(true)
	l.timer.Stop()
}

// passed runs when the time is up.
func (l *lastWrite) passed() {
	if l.over.Load() {
		return
	}
	if more := awake.Grant(l.until, &l.spent, l.timeout); more > 0 {
		l.timer.Reset(more)
		return
	}
	l.conn.socket.reset()
}

// linger reads on for a while, until the peer closes or has sent too much. Closing a socket with
// unread input resets the connection, and the peer would not see why it is closed.
func linger(s *socket, most int64) {
	until := time.Now().Add(lingerTimeout)
	if s.halfClose() != nil || s.SetReadDeadline(until) != nil {
		return
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(&patient{Conn: s.Conn, until: until, most: lingerTimeout}, most))
}

// producer is the name under which the connection publishes: that of its key, or, where none is
// asked for, its own.
func (c *conn) producer() string {
	if c.identity.Name != "" {
		return c.identity.Name
	}
	if from := c.place.from.Load(); from != nil { // perhaps without a port, so that clients of one address would be one producer
		return (*from).String() + " via " + c.socket.RemoteAddr().String()
	}
	return c.RemoteAddr().String()
}

// RemoteAddr is the address of the client, as far as it is known.
func (c *conn) RemoteAddr() net.Addr { return c.place.remote() }

// close ends the connection, whatever it is doing.
func (p *place) close() {
	p.closed.Store(true)
	bottom(p.conn).Close()
}

// remote is whose the connection is: its peer's, or who a proxy says.
func (p *place) remote() net.Addr {
	if from := p.from.Load(); from != nil {
		return *from
	}
	return p.conn.RemoteAddr()
}

// isFrom notes whose the connection is, as shown in the log. It counts for that address from now on.
func (r *registry) isFrom(p *place, addr netip.Addr, shown string) {
	if shown != "" {
		from := net.Addr(proxied.Client(shown))
		p.from.Store(&from)
	}
	r.changes <- change{place: p, step: moves, addr: proxied.Key(addr)}
}
