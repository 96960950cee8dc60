package transport

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"backbone/internal/domain/common"
	"backbone/internal/hub"
	"backbone/protocol"
)

// joinBytes is the place to join queued batches: below MaxWrite one more is added.
const joinBytes = 2 * hub.MaxWrite

// smallBytes is what is read at once where a read can not wait without memory.
const smallBytes = 2 << 10

// scratch is the memory a ReadPump needs while it has something to read. Idle
// connections hold none.
type scratch struct {
	buf     [protocol.MaxMessageBytes + 8<<10]byte // the largest frame, and place to read on
	data    []byte                                 // in buf: what was read and is not yet used
	decoder *common.Decoder
	replies []byte
	events  []hub.BroadcastEvent // of the read under way
	asked   []request            // one for each of events
}

// arena holds the memory that connections share by turns.
type arena struct {
	scratch sync.Pool // of *scratch
	joined  sync.Pool // of *[]byte, to join what waits for one write
	heads   sync.Pool // of *[headBytes]byte, to read a request's head into
}

func newArena() *arena {
	return &arena{
		scratch: sync.Pool{New: func() any { return &scratch{decoder: common.NewDecoder()} }},
		joined:  sync.Pool{New: func() any { b := make([]byte, 0, joinBytes); return &b }},
		heads:   sync.Pool{New: func() any { return new([headBytes]byte) }},
	}
}

// socket reads without holding memory while it waits and writes without arming a
// deadline while the kernel takes everything, where it is a plain TCP connection; for
// any other net.Conn it does what that can.
type socket struct {
	net.Conn
	arena *arena
	plain bool // a TCP connection, for which raw works
	raw   rawConn

	// Owned by the ReadPump.
	rest    []byte            // of the stream, read but not yet a whole frame
	small   *[smallBytes]byte // to wait with, where the connection is not plain
	scratch *scratch          // from fill to keep

	// Owned by the WritePump.
	timeout time.Duration // a write that makes no progress for so long fails
}

// fill waits until there is something to read, takes a scratch and reads into it.
func (s *socket) fill() error {
	if s.plain {
		return s.raw.fill(s)
	}
	if s.small == nil {
		s.small = new([smallBytes]byte)
	}
	n, err := s.Conn.Read(s.small[:])
	switch {
	case n > 0:
		copy(s.take(), s.small[:n])
		s.took(n)
		return nil
	case err == nil:
		return io.ErrNoProgress
	}
	return err
}

// take gets a scratch that begins with rest, and returns the place behind that.
func (s *socket) take() []byte {
	s.scratch = s.arena.scratch.Get().(*scratch)
	return s.scratch.buf[copy(s.scratch.buf[:], s.rest):]
}

// took says that n bytes were put into the place that take returned.
func (s *socket) took(n int) { s.scratch.data = s.scratch.buf[:len(s.rest)+n] }

// drop gives the scratch back.
func (s *socket) drop() {
	d := s.scratch
	d.data, d.replies, d.asked = nil, d.replies[:0], d.asked[:0]
	s.arena.scratch.Put(d)
	s.scratch = nil
}

// keep stores what was read but not used, and gives the scratch back.
func (s *socket) keep(used int) {
	switch data := s.scratch.data; {
	case used == 0: // a long frame that comes in small pieces is not copied for each
		s.rest = append(s.rest, data[len(s.rest):]...)
	case used < len(data):
		s.rest = append([]byte(nil), data[used:]...)
	default:
		s.rest = nil
	}
	s.drop()
}

// writeNow writes of p what can be written without waiting, or all where there is no way
// to tell.
func (s *socket) writeNow(p []byte) (int, error) {
	if s.plain {
		return s.raw.try(p)
	}
	return len(p), s.writeWaiting(p)
}

// writeWaiting writes all of p. It fails when the peer takes no byte for the time-out.
func (s *socket) writeWaiting(p []byte) error {
	if err := s.SetWriteDeadline(time.Now().Add(s.timeout)); err != nil {
		return err
	}
	_, err := writeOn(s.Conn, p, s.timeout)
	return err
}

// flow is how far what was written has come, in bytes.
type flow struct {
	taken uint64 // acknowledged by the peer's kernel
	held  uint64 // not acknowledged yet
}

// writeOn writes on past c's deadline as long as the peer takes a byte per time-out. The
// kernel does not ask for more at each byte that the peer takes, but when half of what it
// holds unsent is gone: so what the peer has acknowledged counts too.
func writeOn(c net.Conn, p []byte, timeout time.Duration) (written int, err error) {
	before, _ := flowOf(c)
	for {
		n, err := c.Write(p[written:])
		written += n
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return written, err
		}
		now, known := flowOf(c)
		if taken := known && now.taken > before.taken; n == 0 && !taken {
			return written, err
		}
		before = now
		if err := c.SetWriteDeadline(time.Now().Add(timeout)); err != nil {
			return written, err
		}
	}
}

// underTLS is the connection below a TLS one, which can not go on after a write that
// timed out: so it does not get to see one that made progress.
type underTLS struct {
	net.Conn
	timeout time.Duration
}

func (c underTLS) Write(p []byte) (int, error) { return writeOn(c.Conn, p, c.timeout) }

// NetConn makes bottom find the connection.
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

// Close closes at once. TLS would first wait to tell the peer, who may read no more;
// halfClose is the polite way.
func (s *socket) Close() error { return bottom(s.Conn).Close() }

// halfClose tells the peer that nothing more comes, where the connection can do that.
func (s *socket) halfClose() error {
	if c, ok := s.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return nil
}
