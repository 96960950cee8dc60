package client

import (
	"encoding/binary"
	"strings"
	"sync/atomic"
)

// tapBuffer is the size of a tap's buffer in bytes, and so of the longest message that
// it offers, header included.
const tapBuffer = 16 << 10

// tap stands between the socket and the WebSocket library, offers whole messages to the
// program and takes out of the stream those that it accepts: for them the library, which
// costs far more than the message, does nothing. Everything else passes unchanged.
//
// The library asks for more only once it has handled what it was given, so that it is
// never more than one frame behind.
type tap struct {
	offer func([]byte) bool // immutable
	shut  atomic.Bool       // nothing is offered any more; set before anyone but the reader reads

	// Owned by the caller of read; the library lets in one at a time.
	buf        [tapBuffer]byte
	start, end int // of what was read and not looked at
	pass       int // bytes from start on that belong to a frame that passes

	// Owned by the reader.
	offered bool // the frame that passes is a message that was offered
}

// tapInto offers the messages of l to OnMessage before the library sees them. With TLS the
// wire carries no frames, and they are offered once they have come through.
func (s *session) tapInto(l *link) {
	if s.opt.OnMessage == nil || strings.HasPrefix(s.url, "wss:") || strings.HasPrefix(s.url, "https:") {
		return
	}
	l.wire.tap = &tap{offer: s.offer}
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

// shutTap must be called before anyone but the reader reads, as the library does for its
// closing handshake.
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
		header, size, ok := frameSize(b)
		if !ok {
			return
		}
		const wholeText = 0x81 // a text message in one frame (RFC 6455, 5.2)
		t.offered = false
		if b[0] != wholeText || b[1]&0x80 != 0 || size > tapBuffer {
			t.pass = size
			return
		}
		if len(b) < size {
			return
		}
		if !t.offer(b[header:size]) {
			t.pass, t.offered = size, true
			return
		}
		t.start += size
	}
}

// frameSize is the length of a frame's header, and of the whole frame. It is not ok if
// b ends within the header.
func frameSize(b []byte) (header, size int, ok bool) {
	if len(b) < 2 {
		return 0, 0, false
	}
	header, length := 2, uint64(b[1]&0x7f)
	switch {
	case length == 126 && len(b) >= 4:
		header, length = 4, uint64(binary.BigEndian.Uint16(b[2:]))
	case length == 127 && len(b) >= 10:
		header, length = 10, binary.BigEndian.Uint64(b[2:])
	case length >= 126:
		return 0, 0, false
	}
	if b[1]&0x80 != 0 { // a mask; servers send none, and the library will say so
		header += 4
	}
	const longest = 1 << 40 // the library refuses far shorter ones
	return header, header + int(min(length, longest)), true
}
