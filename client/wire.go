package client

import (
	"errors"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"
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
