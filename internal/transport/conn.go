package transport

import (
	"net"
	"time"

	"golang.org/x/time/rate"

	"backbone/internal/auth"
	"backbone/internal/hub"
	"backbone/internal/ingest"
	"backbone/protocol"
)

// How long a connection that is being closed may take.
const (
	lingerTimeout = 2 * time.Second // for the peer to answer a close frame
	finalTimeout  = 1 * time.Second // for a last frame to be taken
)

// What a ReadPump may have under way of its own replies before it waits for its
// WritePump.
const (
	replyPlaces = 2
	replyBytes  = 16 << 10 // of one; the last message in it may exceed that
)

// conn is one connection and its two pumps.
type conn struct {
	// Immutable after newConn.
	client   hub.Client
	socket   socket
	server   *Server
	writer   *writer     // runs the WritePump where it need not wait; nil: it always has a goroutine
	replies  chan []byte // ReadPump -> WritePump: complete frames; nil when the ReadPump has ended
	identity auth.Identity

	// Owned by the ReadPump; final may be read once it has ended.
	final     *fault // what the peer is told at the end; nil: it is gone
	publisher *ingest.Publisher
	limiter   *rate.Limiter // nil: no limit
	fragments fragments
	rooms     int32         // that the client is in
	bad       int32         // bad messages in a row
	patience  time.Time     // when the wait for a frame is over
	pinged    bool          // and what then follows is the end
	taken     uint64        // by the peer, when that was last looked at
	pingRead  uint64        // of what the peer takes, where it has read the ping at the latest
	failure   error         // why the connection is to end
	ended     chan struct{} // made for the end; closed by the WritePump at its own

	// Owned by the writer.
	pumped bool // the WritePump has a goroutine

	// Owned by the WritePump: its goroutine while it has one, or else the writer.
	unwritten []byte // of complete frames, what the kernel did not take at once
	behind    bool   // the hub has more to be pulled
	pulled    bool   // a pull was not answered yet
	dry       bool   // the last batch was empty: the hub had nothing more
	draining  bool   // close once everything is written
	over      bool   // nothing more is to be written but a farewell
	readEnded bool   // the ReadPump has ended
	parting   *fault // what the peer is told at the end; nil: nothing
	writeErr  error
}

// start makes the connection known to the hub, starts its WritePump and handles early,
// which is what the client sent right behind its handshake.
func (c *conn) start(early []byte) {
	c.server.stats.open.count(string(c.identity.Role))
	c.server.opts.Hub.Register(&c.client)
	if c.writer == nil {
		go c.WritePump()
	}
	c.heard()
	if len(early) > 0 {
		c.socket.took(copy(c.socket.take(), early))
		c.process()
	}
}

// end sees the WritePump end, closes the socket and takes the client out of the hub. A
// *fault is told to the peer.
func (c *conn) end(err error) {
	s := c.server
	if f, ok := err.(*fault); ok { //nolint:errorlint // faults are made here and never wrapped
		c.final = f
	} else {
		c.socket.Close() //nolint:errcheck // the peer is gone; this ends a write under way
	}
	late := c.closeLater()
	c.ended = make(chan struct{})
	c.hand(nil)
	<-c.ended
	late.Stop()
	s.opts.Ingest.Unwatch(s.opts.Hub.Unregister(&c.client))
	if c.final != nil {
		c.linger()
		c.socket.Close() //nolint:errcheck // everything was sent and answered, or will never be
	}
	s.stats.open.cell(string(c.identity.Role)).Add(-1)
	s.registry.leave(c)
	c.server.log.Debug("connection closed", "address", c.RemoteAddr(), "role", c.identity.Role, "name", c.identity.Name, "reason", err)
}

// closeLater closes the socket after the write time-out. A write under way may go on as long
// as the peer takes a byte now and then, but not once there is nothing more to come.
func (c *conn) closeLater() *time.Timer {
	return time.AfterFunc(c.server.opts.Limits.WriteTimeout, func() { c.socket.Close() }) //nolint:errcheck // this ends the write
}

// linger reads on until the peer closes, for a while: closing a socket with unread
// input resets the connection, and the peer would not see the close frame.
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

// reply hands complete frames to the WritePump. It takes over p.
func (c *conn) reply(p []byte) {
	if len(p) > 0 {
		c.hand(p)
	}
}

func (c *conn) hand(p []byte) {
	c.replies <- p // the WritePump takes all until the nil
	if c.writer != nil {
		c.writer.calls <- call{conn: c}
	}
}

// RemoteAddr is where the peer is.
func (c *conn) RemoteAddr() net.Addr { return c.socket.RemoteAddr() }

func role(path string) (protocol.Role, bool) {
	switch path {
	case protocol.PathConsume:
		return protocol.Consumer, true
	case protocol.PathIngest:
		return protocol.Ingestor, true
	}
	return "", false
}
