package transport

import (
	"bytes"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"reflect"
	"sync/atomic"
	"syscall"
	"time"

	"backbone/internal/rawio"
)

// socket is the connection to the peer. Where it is a TCP connection, system calls on its descriptor
// let the write side write without arming a deadline, with TLS too, and without TLS let the read side
// wait without memory. Both sides do what they can with any other net.Conn.
type socket struct {
	net.Conn
	raw syscall.RawConn // nil: not a plain TCP connection
}

func newSocket(c net.Conn) socket { return socket{c, rawOf(c)} }

// under is the connection below TLS; nil: there is no TLS.
func (s *socket) under() *underTLS {
	if secure, ok := s.Conn.(*tls.Conn); ok {
		under, _ := secure.NetConn().(*underTLS)
		return under
	}
	return nil
}

// certified returns the common name and the end of the certificate that the client has shown and that
// was verified, and whether there is one.
func (s *socket) certified() (name string, until time.Time, has bool) {
	secure, ok := s.Conn.(*tls.Conn)
	if !ok {
		return "", time.Time{}, false
	}
	state := secure.ConnectionState()
	if len(state.VerifiedChains) == 0 {
		return "", time.Time{}, false
	}
	shown := state.PeerCertificates[0]
	return shown.Subject.CommonName, shown.NotAfter, true
}

// writesNow reports whether writes need not wait.
func (s *socket) writesNow() bool {
	u := s.under()
	return s.raw != nil || u != nil && u.raw != nil
}

// waits reports whether TLS has written what the kernel did not take.
func (s *socket) waits() bool {
	if s.raw != nil {
		return false
	}
	u := s.under()
	return u != nil && u.unsent.Any()
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
// tell. TLS takes everything; what the kernel does not take of it waits below.
func (w *writeSide) writeNow(p []byte) (int, error) {
	s := &w.conn.socket
	if s.raw != nil {
		return w.raw.try(s.raw, p)
	}
	if u := s.under(); u != nil && u.raw != nil {
		u.ours.Store(true)
		defer u.ours.Store(false)
		return s.Conn.Write(p)
	}
	return len(p), w.writeWaiting(p)
}

// writeWaiting writes all of p. It fails when the write makes no progress for the time-out.
func (w *writeSide) writeWaiting(p []byte) error {
	socket, timeout := w.conn.socket.Conn, w.conn.server.opts.Limits.WriteTimeout
	if w.phase == over {
		timeout = finalTimeout
	}
	if u := w.conn.socket.under(); u != nil && u.raw == nil {
		u.timeout.Store(int64(timeout))
		u.fresh.Store(w.bound())
		_, err := socket.Write(p)
		return err
	}
	_, err := writeOn(bottom(socket), p, timeout, w.bound(), w)
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
//
// On a TCP connection, once that is a WebSocket, its writes wait for nothing: what the kernel does not
// take is unsent, and for the write side to flush. TLS calls Write from one goroutine at a time.
type underTLS struct {
	net.Conn                           // a *patient
	timeout  atomic.Int64              // of a write
	fresh    atomic.Pointer[freshness] // of the connection, once it has one

	raw    syscall.RawConn // immutable; nil: writes wait
	open   atomic.Bool     // it is a WebSocket: writes do not wait
	unsent rawio.Unsent
	ours   atomic.Bool // the write side writes; TLS writes besides what a read wants it to
	now    rawWriter   // owned by who calls Write

	first [leastBytes]byte // to wait with; owned by who reads
}

func newUnderTLS(c *patient, timeout time.Duration) *underTLS {
	u := &underTLS{Conn: c, raw: rawOf(c.Conn)}
	u.timeout.Store(int64(timeout))
	if u.raw != nil {
		u.now.init()
	}
	return u
}

func (c *underTLS) Write(p []byte) (int, error) {
	if c.open.Load() {
		return len(p), c.unsent.Put(p, c.ours.Load(), c.writeNow)
	}
	return writeOn(c.Conn, p, time.Duration(c.timeout.Load()), c.fresh.Load(), nil)
}

func (c *underTLS) writeNow(p []byte) (int, error) { return c.now.try(c.raw, p) }

// NetConn lets bottom find the connection.
func (c *underTLS) NetConn() net.Conn { return c.Conn }

// forgetHandshake has TLS let go of the empty buffers that the handshake has filled: 5 KiB that it
// would keep for good, though it offers no way to say so. Nobody may use c meanwhile. Where a version
// of Go has other fields, nothing happens.
func forgetHandshake(c *tls.Conn) {
	for _, name := range []string{"rawInput", "hand"} {
		field := reflect.ValueOf(c).Elem().FieldByName(name)
		if !field.IsValid() || field.Type() != reflect.TypeFor[bytes.Buffer]() {
			continue
		}
		if b := (*bytes.Buffer)(field.Addr().UnsafePointer()); b.Len() == 0 {
			*b = bytes.Buffer{}
		}
	}
}

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
