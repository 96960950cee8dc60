package transport

import (
	"errors"
	"net"
	"os"
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
	if err := socket.SetWriteDeadline(time.Now().Add(timeout)); err != nil {
		return err
	}
	_, err := writeOn(socket, p, timeout)
	return err
}

// flow is how far the bytes that were written have come.
type flow struct {
	acked   uint64 // acknowledged by the peer's kernel
	unacked uint64 // in our kernel, or under way
	minRTT  time.Duration
}

// writeOn writes on past c's deadline as long as there is progress within each time-out. Written
// bytes alone do not show it: the kernel asks for more only when half of what it holds unsent is
// gone. So bytes that the peer's kernel has acknowledged are progress too.
func writeOn(c net.Conn, p []byte, timeout time.Duration) (written int, err error) {
	before, _ := flowOf(c)
	for {
		n, err := c.Write(p[written:])
		written += n
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return written, err
		}
		now, known := flowOf(c)
		if acked := known && now.acked > before.acked; n == 0 && !acked {
			return written, err
		}
		before = now
		if err := c.SetWriteDeadline(time.Now().Add(timeout)); err != nil {
			return written, err
		}
	}
}

// underTLS is the connection below a TLS one. TLS cannot go on after a write that timed out, so
// it does not get to see a time-out of a write that made progress.
type underTLS struct {
	net.Conn
	timeout time.Duration
}

func (c underTLS) Write(p []byte) (int, error) { return writeOn(c.Conn, p, c.timeout) }

// NetConn lets bottom find the connection.
func (c underTLS) NetConn() net.Conn { return c.Conn }

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
