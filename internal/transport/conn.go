package transport

import (
	"net"
	"time"

	"backbone/internal/auth"
	"backbone/internal/hub"
	"backbone/protocol"
)

// How long a connection that is being closed can take.
const (
	lingerTimeout = 2 * time.Second // until the peer has answered a close frame
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
	replies  chan []byte // read side -> write side: complete frames; nil: the read side has ended
	identity auth.Identity

	read readSide

	ending *ending // written by the read side before the nil in replies, read by the write side after it
}

// ending is how the read side ends the connection.
type ending struct {
	why   *closeError   // what the peer is told; nil: nothing, the peer is gone
	ended chan struct{} // closed by the write side at its end
}

func (s *Server) newConn(nc net.Conn) *conn {
	c := &conn{server: s, socket: socket{nc, rawOf(nc)}, replies: make(chan []byte, replyPlaces)}
	c.read.init(c)
	c.write.init(c)
	if c.socket.raw == nil {
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
	c.server.stats.open.count(string(c.identity.Role))
	if c.identity.Role == protocol.Consumer && c.server.opts.Limits.MaxAge > 0 {
		c.write.fresh = newFreshness(c.server.opts.Limits.MaxAge, c.write.writer == nil)
	}
	c.server.opts.Hub.Register(&c.client)
	if c.write.writer == nil {
		go c.write.WritePump()
	}
	c.read.restartWait()
	if len(early) == 0 {
		return nil
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
	late.Stop()
	s.opts.Ingest.Unwatch(s.opts.Hub.Unregister(&c.client), c.read.groups)
	if why != nil {
		c.linger()
		c.socket.Close()
	}
	s.stats.open.cell(string(c.identity.Role)).Add(-1)
	s.registry.leave(c)
	s.log.Debug("connection closed", "address", c.RemoteAddr(), "role", c.identity.Role, "name", c.identity.Name, "reason", err)
}

// closeLater closes the socket after the write time-out. A write under way can go on for as long
// as the peer makes progress, but not once it is the last.
func (c *conn) closeLater() *time.Timer {
	return time.AfterFunc(c.server.opts.Limits.WriteTimeout, c.socket.reset)
}

// linger reads on for a while, until the peer closes. Closing a socket with unread input resets
// the connection, and the peer would not see the close frame.
func (c *conn) linger() {
	if c.socket.halfClose() != nil || c.socket.SetReadDeadline(time.Now().Add(lingerTimeout)) != nil {
		return
	}
	var b [512]byte
	for {
		if _, err := c.socket.Read(b[:]); err != nil {
			return
		}
	}
}

// producer is the name under which the connection publishes: that of its key, or, where none is
// asked for, its own.
func (c *conn) producer() string {
	if c.identity.Name != "" {
		return c.identity.Name
	}
	return c.RemoteAddr().String()
}

// RemoteAddr is the address of the peer.
func (c *conn) RemoteAddr() net.Addr { return c.socket.RemoteAddr() }
