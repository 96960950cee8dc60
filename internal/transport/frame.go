package transport

import (
	"encoding/binary"
	"errors"
	"unicode/utf8"

	"github.com/gobwas/ws"

	"backbone/protocol"
)

// Frame appends payload to dst as one complete text frame, as servers send them.
func Frame(dst []byte, payload string) []byte {
	return append(header(dst, ws.OpText, len(payload)), payload...)
}

// control appends a control frame to dst; its payload has at most 125 bytes.
func control(dst []byte, op ws.OpCode, payload []byte) []byte {
	return append(header(dst, op, len(payload)), payload...)
}

func closeFrame(code protocol.CloseCode, reason string) []byte {
	if len(reason) > protocol.MaxCloseReasonSize {
		cut := protocol.MaxCloseReasonSize
		for cut > 0 && !utf8.RuneStart(reason[cut]) {
			cut--
		}
		reason = reason[:cut]
	}
	return control(nil, ws.OpClose, append(binary.BigEndian.AppendUint16(nil, uint16(code)), reason...))
}

func header(dst []byte, op ws.OpCode, n int) []byte {
	dst = append(dst, 0x80|byte(op))
	switch {
	case n < 126:
		return append(dst, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(dst, 126), uint16(n))
	default:
		return binary.BigEndian.AppendUint64(append(dst, 127), uint64(n))
	}
}

// errShort says that a frame is not complete yet.
var errShort = errors.New("incomplete frame")

// parseHeader reads a frame header from the start of p and returns its length, or
// errShort.
func parseHeader(p []byte) (h ws.Header, size int, err error) {
	if len(p) < 2 {
		return h, 0, errShort
	}
	h.Fin, h.Rsv, h.OpCode = p[0]&0x80 != 0, p[0]&0x70>>4, ws.OpCode(p[0]&0x0f)
	h.Masked = p[1]&0x80 != 0
	size = 2
	switch n := p[1] & 0x7f; n {
	case 126:
		if len(p) < 4 {
			return h, 0, errShort
		}
		h.Length, size = int64(binary.BigEndian.Uint16(p[2:])), 4
	case 127:
		if len(p) < 10 {
			return h, 0, errShort
		}
		long := binary.BigEndian.Uint64(p[2:])
		if long>>63 != 0 {
			return h, 0, ws.ErrHeaderLengthMSB
		}
		h.Length, size = int64(long), 10
	default:
		h.Length = int64(n)
	}
	if h.Masked {
		if len(p) < size+4 {
			return h, 0, errShort
		}
		size += copy(h.Mask[:], p[size:])
	}
	return h, size, nil
}

// fault is why the server closes a connection.
type fault struct {
	code   protocol.CloseCode
	reason string
}

func (f *fault) Error() string { return f.reason }

// fragments is where a ReadPump stands within a fragmented message.
type fragments struct {
	open    bool
	payload []byte
}

// frames takes the complete frames from the start of p, unmasks them in place and
// gives each text message to text and each control frame to control. It returns how
// many bytes it used, and a *fault for what RFC 6455 or this protocol forbids.
func (f *fragments) frames(p []byte, text func([]byte) error, control func(ws.OpCode, []byte) error) (used int, err error) {
	for {
		h, size, err := parseHeader(p[used:])
		if errors.Is(err, errShort) {
			return used, nil
		}
		state := ws.StateServerSide
		if f.open {
			state = state.Set(ws.StateFragmented)
		}
		if err == nil {
			err = ws.CheckHeader(h, state)
		}
		switch {
		case err != nil:
			return used, &fault{protocol.CloseProtocolError, err.Error()}
		case h.OpCode == ws.OpBinary:
			return used, &fault{protocol.CloseUnsupportedData, "binary messages are not understood: send text"}
		case !h.OpCode.IsControl() && h.Length > protocol.MaxMessageBytes-int64(len(f.payload)):
			return used, &fault{protocol.CloseTooBig, "a message may have at most 65536 bytes"}
		case int64(len(p)-used-size) < h.Length:
			return used, nil
		}
		payload := p[used+size:][:h.Length]
		used += size + int(h.Length)
		ws.Cipher(payload, h.Mask, 0)
		switch {
		case h.OpCode.IsControl():
			err = control(h.OpCode, payload)
		case !h.Fin:
			f.open = true
			f.payload = append(f.payload, payload...)
		case f.open:
			whole := append(f.payload, payload...) //nolint:gocritic // f gives its memory up
			*f = fragments{}
			err = checked(whole, text)
		default:
			err = checked(payload, text)
		}
		if err != nil {
			return used, err
		}
	}
}

func checked(payload []byte, text func([]byte) error) error {
	if !utf8.Valid(payload) {
		return &fault{protocol.CloseInvalidData, "a text message must be UTF-8"}
	}
	return text(payload)
}

// checkClose validates a close frame's payload and returns the code to answer with.
func checkClose(payload []byte) (protocol.CloseCode, error) {
	if len(payload) == 0 {
		return protocol.CloseNormal, nil
	}
	if len(payload) == 1 {
		return 0, &fault{protocol.CloseProtocolError, "a close frame carries a two-byte code or nothing"}
	}
	code := protocol.CloseCode(binary.BigEndian.Uint16(payload))
	if !sendable(code) {
		return 0, &fault{protocol.CloseProtocolError, "a close frame with a code that may not be sent"}
	}
	if !utf8.Valid(payload[2:]) {
		return 0, &fault{protocol.CloseInvalidData, "a close reason must be UTF-8"}
	}
	return code, nil
}

// sendable reports whether a close frame may carry the code: RFC 6455, 7.4, and those
// registered with IANA since.
func sendable(code protocol.CloseCode) bool {
	switch code {
	case 1004, 1005, 1006: // reserved, or for what has no close frame
		return false
	}
	return 1000 <= code && code <= 1014 || 3000 <= code && code <= 4999
}
