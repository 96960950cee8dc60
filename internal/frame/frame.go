// Package frame appends and parses the headers of WebSocket frames (RFC 6455, section 5.2).
// It does not judge them: which headers a peer may send is for its callers to decide.
package frame

import "encoding/binary"

// Opcode says what a frame carries.
type Opcode byte

// The opcodes that RFC 6455 defines.
const (
	Continuation Opcode = 0x0
	Text         Opcode = 0x1
	Binary       Opcode = 0x2
	Close        Opcode = 0x8
	Ping         Opcode = 0x9
	Pong         Opcode = 0xa
)

// Control reports whether frames with the opcode may come between the fragments of a message.
func (o Opcode) Control() bool { return o&0x8 != 0 }

// Header is the header of one frame.
type Header struct {
	Final    bool // the last frame of its message, or the only one
	Reserved byte // the three reserved bits
	Opcode   Opcode
	Masked   bool
	Mask     [4]byte // if Masked
	Length   uint64  // of the payload, as the peer claims it
}

// AppendHeader appends the header of a final, unmasked frame to dst, as servers send it.
func AppendHeader(dst []byte, op Opcode, length int) []byte {
	dst = append(dst, 0x80|byte(op))
	switch {
	case length < 126:
		return append(dst, byte(length))
	case length < 1<<16:
		return binary.BigEndian.AppendUint16(append(dst, 126), uint16(length))
	default:
		return binary.BigEndian.AppendUint64(append(dst, 127), uint64(length))
	}
}

// Size is the size of the header in its shortest form, which RFC 6455 wants.
func (h *Header) Size() int {
	size := 2
	switch {
	case h.Length >= 1<<16:
		size += 8
	case h.Length >= 126:
		size += 2
	}
	if h.Masked {
		size += len(h.Mask)
	}
	return size
}

// Parse makes h the header at the start of p and returns its size. It reports false if p ends
// within the header.
func (h *Header) Parse(p []byte) (size int, ok bool) {
	if len(p) < 2 {
		return 0, false
	}
	*h = Header{Final: p[0]&0x80 != 0, Reserved: p[0] & 0x70 >> 4, Opcode: Opcode(p[0] & 0x0f), Masked: p[1]&0x80 != 0}
	size = 2
	switch short := p[1] & 0x7f; {
	case short < 126:
		h.Length = uint64(short)
	case short == 126 && len(p) >= 4:
		h.Length, size = uint64(binary.BigEndian.Uint16(p[2:])), 4
	case short == 127 && len(p) >= 10:
		h.Length, size = binary.BigEndian.Uint64(p[2:]), 10
	default:
		return 0, false
	}
	if h.Masked {
		if len(p) < size+len(h.Mask) {
			return 0, false
		}
		size += copy(h.Mask[:], p[size:])
	}
	return size, true
}
