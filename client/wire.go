package client

import (
	"errors"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"backbone/internal/frame"
	"backbone/protocol"
)

// maxHeld bounds the bytes that are held to be written together.
const maxHeld = 32 << 10

const (
	// longWrite is a write that waited for the peer to take earlier bytes, so that its end
	// is a sign of life.
	longWrite = 100 * time.Millisecond
	// lookAtWrite is how often it is looked whether the peer takes bytes of a write that has not ended.
	lookAtWrite = time.Second
	// maxPiece bounds the bytes of a write whose end only can be seen.
	maxPiece = 4 << 10
)

// wireConn is the connection below WebSocket (and TLS). It remembers when the peer last gave a
// sign of life. It joins writes while more are announced, because websocket.Conn flushes after
// every message, which would cost one system call each.
type wireConn struct {
	net.Conn

	// Immutable.
	began  time.Time
	socket bool // of the kernel, where a write that was cut short can go on; in TLS it cannot

	// Set before anything but the handshake is read, then owned by the caller of Read;
	// websocket.Conn lets in one at a time. nil: nothing is taken out.
	tap *tap

	// Owned by the caller of Write; websocket.Conn lets in one at a time.
	held []byte

	heard atomic.Int64 // nanoseconds from began to the last sign of life
	more  atomic.Bool  // another Write follows immediately, even if this one fails

	writeDue atomic.Pointer[time.Time] // when crypto/tls wants writes to end; nil: never
}

func newWireConn(c net.Conn) *wireConn {
	_, socket := c.(syscall.Conn)
	return &wireConn{Conn: c, began: time.Now(), socket: socket}
}

func (w *wireConn) alive() { w.heard.Store(int64(time.Since(w.began))) }

// silence is the time since the last sign of life.
func (w *wireConn) silence() time.Duration {
	return time.Since(w.began) - time.Duration(w.heard.Load())
}

func (w *wireConn) Read(p []byte) (int, error) {
	if w.tap != nil {
		return w.tap.read(p, w.hear)
	}
	return w.hear(p)
}

// hear reads, and notes it as a sign of life.
func (w *wireConn) hear(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	if n > 0 {
		w.alive()
	}
	return n, err
}

func (w *wireConn) Write(p []byte) (int, error) {
	if w.more.Load() && len(w.held)+len(p) <= maxHeld {
		w.held = append(w.held, p...)
		return len(p), nil
	}
	out := p
	if len(w.held) > 0 {
		out = append(w.held, p...) //nolint:gocritic // held starts again in the same memory
		w.held = out[:0]
	}
	if err := w.push(out); err != nil {
		return 0, err
	}
	return len(p), nil
}

// push writes p to a peer that may take minutes for it, because it is slow or slows this side down.
// Whenever bytes go that had to wait, the peer has taken earlier ones, which is a sign of life.
func (w *wireConn) push(p []byte) error {
	if w.socket {
		return w.pushToSocket(p)
	}
	for len(p) > 0 {
		start := time.Now()
		n, err := w.Conn.Write(p[:min(len(p), maxPiece)])
		if err != nil {
			return err
		}
		if time.Since(start) >= longWrite {
			w.alive()
		}
		p = p[n:]
	}
	return nil
}

// pushToSocket tries again now and then, because a kernel wakes a writer only when much of its
// buffer is free, which may be megabytes. What the first attempt wrote may have found room there.
func (w *wireConn) pushToSocket(p []byte) error {
	start := time.Now()
	for waited := false; ; waited = true {
		look, due := time.Now().Add(lookAtWrite), w.writeDue.Load()
		if due != nil && due.Before(look) {
			look = *due
		}
		_ = w.Conn.SetWriteDeadline(look) // what has none ends each attempt by itself
		n, err := w.Conn.Write(p)
		if n > 0 && waited || err == nil && time.Since(start) >= longWrite {
			w.alive()
		}
		p = p[n:]
		if !errors.Is(err, os.ErrDeadlineExceeded) || due != nil && !time.Now().Before(*due) {
			return err
		}
	}
}

// SetWriteDeadline is for crypto/tls, which bounds its last write.
func (w *wireConn) SetWriteDeadline(t time.Time) error {
	w.writeDue.Store(&t)
	return w.Conn.SetWriteDeadline(t)
}

// tapBuffer is the size of a tap's buffer in bytes, and so of the longest message that
// it offers, header included.
const tapBuffer = 16 << 10

// tap is between the socket and the WebSocket library, offers whole messages to the
// program and takes out of the stream those that it accepts: for them the library, which
// costs far more than the message, does nothing. Everything else passes unchanged.
//
// The library asks for more only once it has handled what it was given, so it is never more
// than one frame behind.
type tap struct {
	offer func([]byte) bool // immutable
	shut  atomic.Bool       // nothing is offered any more; set before any other goroutine than the reader reads

	// Owned by the caller of read; the library lets in one at a time.
	buf        [tapBuffer]byte
	start, end int // of what was read and not looked at
	pass       int // bytes from start on that belong to a frame that passes

	// Owned by the reader.
	offered bool // the frame that passes is a message that was offered
}

// tapInto offers the messages of conn to OnMessage before the library sees them. With TLS the
// wire carries no readable frames, so messages are offered after the library has read them.
func (s *session) tapInto(conn *connection) {
	if s.opt.onMessage == nil || conn.secure {
		return
	}
	conn.wire.tap = &tap{offer: s.offer}
}

// offered reports whether the message that has just come through was offered before.
// Only the reader may call it, once for each.
func (w *wireConn) offered() bool {
	if w.tap == nil {
		return false
	}
	offered := w.tap.offered
	w.tap.offered = false
	return offered
}

// shutTap must be called before any other goroutine than the reader reads, as the library does
// for its closing handshake.
func (w *wireConn) shutTap() {
	if w.tap != nil {
		w.tap.shut.Store(true)
	}
}

// read reads what passes.
func (t *tap) read(p []byte, src func([]byte) (int, error)) (int, error) {
	for {
		switch {
		case t.shut.Load():
			t.pass = t.end - t.start
			if t.pass == 0 {
				return src(p)
			}
		case t.pass == 0:
			t.sort()
		}
		if n := min(t.pass, t.end-t.start); n > 0 {
			n = copy(p, t.buf[t.start:t.start+n])
			t.start += n
			t.pass -= n
			return n, nil
		}
		if t.start > 0 {
			t.end = copy(t.buf[:], t.buf[t.start:t.end])
			t.start = 0
		}
		n, err := src(t.buf[t.end:])
		t.end += n
		if n == 0 && err != nil {
			return 0, err
		}
	}
}

// sort takes out messages until one passes, or the buffer holds no whole one.
func (t *tap) sort() {
	for {
		b := t.buf[t.start:t.end]
		var h frame.Header
		start, ok := h.Parse(b)
		if !ok {
			return
		}
		const longest = 1 << 40 // the library refuses far shorter ones
		size := start + int(min(h.Length, longest))
		wholeText := h.Final && h.Reserved == 0 && h.Opcode == frame.Text && !h.Masked
		t.offered = false
		if wholeText && len(b) >= size {
			if _, _, mark := protocol.ScanMark(b[start:size]); mark {
				t.pass = size // it is the client's, and nobody else's
				return
			}
		}
		if !wholeText || size > tapBuffer {
			t.pass = size
			return
		}
		if len(b) < size {
			return
		}
		if !t.offer(b[start:size]) {
			t.pass, t.offered = size, true
			return
		}
		t.start += size
	}
}
