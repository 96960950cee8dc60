package transport

import (
	"crypto/tls"
	"errors"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"
)

// socket is the connection to the peer. Where it is a plain TCP connection, system calls on its
// descriptor let the read side wait without memory and the write side write without arming a
// deadline. Both sides do what they can with any other net.Conn.
type socket struct {
	net.Conn
	raw syscall.RawConn // nil: not a plain TCP connection
}

// Close closes immediately. TLS would first wait to tell the peer, which might not read any
// more; halfClose is the polite way.
func (s *socket) Close() error { return bottom(s.Conn).Close() }

// reset closes immediately, and has the kernel throw away what the peer has not taken. So a peer
// that stalled learns it at once, and not behind prices that are as old as its stall.
func (s *socket) reset() {
	if tcp, ok := bottom(s.Conn).(interface{ SetLinger(sec int) error }); ok {
		_ = tcp.SetLinger(0) // on failure the close below is an ordinary one
	}
	s.Close()
}

// atEnd reports whether the peer has closed its end and nothing of what it sent is unread. It is
// false where that is not known.
func (s *socket) atEnd() bool { return atEnd(rawOf(bottom(s.Conn))) }

// halfClose tells the peer that nothing more comes, where the connection can do that.
func (s *socket) halfClose() error {
	if c, ok := s.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return nil
}

// writeNow writes what can be written without waiting, or everything where there is no way to
// tell.
func (w *writeSide) writeNow(p []byte) (int, error) {
	if raw := w.conn.socket.raw; raw != nil {
		return w.raw.try(raw, p)
	}
	return len(p), w.writeWaiting(p)
}

// writeWaiting writes all of p. It fails when the write makes no progress for the time-out.
func (w *writeSide) writeWaiting(p []byte) error {
	socket, timeout := w.conn.socket.Conn, w.conn.server.opts.Limits.WriteTimeout
	if w.phase == over {
		timeout = finalTimeout
	}
	if secure, ok := socket.(*tls.Conn); ok {
		if under, ok := secure.NetConn().(*underTLS); ok {
			under.timeout.Store(int64(timeout))
			under.fresh.Store(w.bound())
		}
		_, err := socket.Write(p)
		return err
	}
	_, err := writeOn(socket, p, timeout, w.bound(), w)
	return err
}

// flow is how far the bytes that were written have come.
type flow struct {
	acked   uint64 // acknowledged by the peer's kernel
	unacked uint64 // in our kernel, or under way
	minRTT  time.Duration
}

// lookEvery is how often a write with a time-out looks whether there is progress.
func lookEvery(timeout time.Duration) time.Duration {
	return max(min(timeout/20, 500*time.Millisecond), min(timeout, tickEvery))
}

// writeOn writes p, for as long as there is progress within each time-out. Written bytes alone do
// not show it: the kernel asks for more only when half of what it holds unsent is gone. So bytes
// that the peer's kernel has acknowledged are progress too, and so is a mark that the reader
// has answered (f is nil where nothing is marked). Time in which this process did not run is not
// the peer's. w, if it is not nil, looks after its window meanwhile.
func writeOn(c net.Conn, p []byte, timeout time.Duration, f *freshness, w *writeSide) (written int, err error) {
	var heard *answer
	before, _ := flowOf(c)
	for waited := time.Duration(0); ; {
		every := lookEvery(timeout)
		if w != nil && w.mustLook() {
			every = min(every, tickEvery)
		}
		from := time.Now()
		if err := c.SetWriteDeadline(from.Add(every)); err != nil {
			return written, err
		}
		n, err := c.Write(p[written:])
		written += n
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return written, err
		}
		progress := n > 0
		if f != nil {
			a := f.answered.Load()
			progress, heard = progress || a != nil && a != heard, a
		}
		now, known := flowOf(c)
		progress, before = progress || known && now.acked > before.acked, now
		if waited += min(time.Since(from), 2*every); progress {
			waited = 0
		}
		if waited >= timeout {
			return written, err
		}
		if w != nil {
			w.lookMeanwhile()
		}
	}
}

// underTLS is the connection below a TLS one. TLS cannot go on after a write that timed out, so
// it does not get to see a time-out of a write that made progress. Its methods are safe for
// concurrent use by multiple goroutines: a read can make TLS write.
type underTLS struct {
	net.Conn                           // a *patient
	timeout  atomic.Int64              // of a write
	fresh    atomic.Pointer[freshness] // of the connection, once it has one
}

func (c *underTLS) Write(p []byte) (int, error) {
	return writeOn(c.Conn, p, time.Duration(c.timeout.Load()), c.fresh.Load(), nil)
}

// NetConn lets bottom find the connection.
func (c *underTLS) NetConn() net.Conn { return c.Conn }

func isTLS(c net.Conn) bool {
	_, secure := c.(*tls.Conn)
	return secure
}

// bottom is the connection that others were wrapped around.
func bottom(c net.Conn) net.Conn {
	for {
		w, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			return c
		}
		c = w.NetConn()
	}
}
