package client

import (
	"sync/atomic"

	"backbone/internal/frame"
	"backbone/protocol"
)

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
		h, start, ok := frame.ParseHeader(b)
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
