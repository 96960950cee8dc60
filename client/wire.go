package client

import (
	"net"
	"sync/atomic"
	"time"
)

// maxHeld bounds the bytes that are held to be written together.
const maxHeld = 32 << 10

// longWrite is a write that waited for the peer to take earlier bytes, so that its end
// is a sign of life.
const longWrite = 100 * time.Millisecond

// wireConn is the connection below WebSocket (and TLS). It remembers when the peer last gave a
// sign of life. It joins writes while more are announced, because websocket.Conn flushes after
// every message, which would cost one system call each.
type wireConn struct {
	net.Conn
	began time.Time // immutable

	// Set before anything but the handshake is read, then owned by the caller of Read;
	// websocket.Conn lets in one at a time. nil: nothing is taken out.
	tap *tap

	// Owned by the caller of Write; websocket.Conn lets in one at a time.
	held []byte

	heard atomic.Int64 // nanoseconds from began to the last sign of life
	more  atomic.Bool  // another Write follows immediately, even if this one fails
}

func newWireConn(c net.Conn) *wireConn {
	return &wireConn{Conn: c, began: time.Now()}
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
	start := time.Now()
	if _, err := w.Conn.Write(out); err != nil {
		return 0, err
	}
	if time.Since(start) >= longWrite {
		w.alive()
	}
	return len(p), nil
}
