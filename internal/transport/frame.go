package transport

import (
	"encoding/binary"
	"errors"
	"math"
	"time"
	"unicode/utf8"

	"github.com/gobwas/ws"

	"backbone/internal/epochs"
	"backbone/internal/frame"
	"backbone/internal/hub"
	"backbone/internal/moment"
	"backbone/protocol"
)

// Frame appends payload to dst as one complete text frame, as servers send it.
func Frame(dst []byte, payload string) []byte {
	return append(frame.AppendHeader(dst, frame.Text, len(payload)), payload...)
}

// FrameStamped appends a value to dst as Frame does, with its stamp. A value without one, which
// came from an instance of an older build, is framed as it is.
func FrameStamped(dst []byte, e *hub.BroadcastEvent) []byte {
	if e.Seq == 0 || e.At == 0 {
		return Frame(dst, e.Payload)
	}
	var space [512]byte // enough for most, so that they are not allocated
	var p []byte
	stamp := protocol.Stamp{Epoch: epochs.Text(e.Version.Instance, e.Life), Seq: e.Seq, At: e.At}
	if e.Kind == hub.State {
		p = protocol.AppendStamped(space[:0], e.Payload, stamp)
	} else {
		p = protocol.AppendStampedSnapshot(space[:0], e.Payload, stamp, ageMS(e, moment.Now()))
	}
	return append(frame.AppendHeader(dst, frame.Text, len(p)), p...)
}

// ageMS is how long ago a value was taken in, in milliseconds.
func ageMS(e *hub.BroadcastEvent, now moment.Time) int64 {
	return max(0, (now.Since(e.Born) + e.Transit).Milliseconds())
}

// appendControl appends a control frame to dst; its payload has at most 125 bytes.
func appendControl(dst []byte, op frame.Opcode, payload []byte) []byte {
	return append(frame.AppendHeader(dst, op, len(payload)), payload...)
}

// closeFrame is a complete close frame; a reason that is too long is cut.
func closeFrame(code protocol.CloseCode, reason string) []byte {
	if len(reason) > protocol.MaxCloseReasonSize {
		cut := protocol.MaxCloseReasonSize
		for cut > 0 && !utf8.RuneStart(reason[cut]) {
			cut--
		}
		reason = reason[:cut]
	}
	return appendControl(nil, frame.Close, append(binary.BigEndian.AppendUint16(nil, uint16(code)), reason...))
}

// closeError is why the server closes a connection.
type closeError struct {
	code   protocol.CloseCode
	reason string
	last   protocol.Code // of the last of too many errors; "" for another reason

	unwatched map[string]bool // rooms that the client is in and ingest does not know of, where it broke off a join
}

const closedByClient = "closed by the client"

func (e *closeError) Error() string { return e.reason }

// messageTimeout is how long a message in fragments may take.
const messageTimeout = time.Minute

// fragments is how much of a fragmented message has come.
type fragments struct {
	begun *begun // nil: nothing
}

type begun struct {
	payload []byte
	until   time.Time // when the message has to be complete
	again   bool      // its time is up; only what came meanwhile is still read
}

// frames parses the complete frames at the start of p and unmasks them in place. It calls text
// for each text message, and control for each control frame and each empty fragment. It returns
// how many bytes it used, and a *closeError for what RFC 6455 or this protocol forbids.
func (f *fragments) frames(p []byte, text func([]byte) error, control func(frame.Opcode, []byte) error) (used int, err error) {
	var h frame.Header
	for {
		size, ok := h.Parse(p[used:])
		if !ok {
			return used, nil
		}
		err = f.check(&h, size)
		switch {
		case err != nil:
			return used, &closeError{code: protocol.CloseProtocolError, reason: err.Error()}
		case h.Opcode == frame.Binary:
			return used, &closeError{code: protocol.CloseUnsupportedData, reason: "binary messages are not understood: send text"}
		case !h.Opcode.Control() && h.Length > protocol.MaxMessageBytes-uint64(f.size()):
			return used, &closeError{code: protocol.CloseTooBig, reason: "a message may have at most 65536 bytes"}
		case uint64(len(p)-used-size) < h.Length:
			return used, nil
		}
		payload := p[used+size:][:h.Length]
		used += size + int(h.Length)
		ws.Cipher(payload, h.Mask, 0)
		switch {
		case h.Opcode.Control():
			err = control(h.Opcode, payload)
		case !h.Final:
			if f.begun == nil {
				f.begun = &begun{until: time.Now().Add(messageTimeout)}
			}
			f.begun.payload = append(f.begun.payload, payload...)
			if h.Length == 0 {
				err = control(frame.Continuation, nil)
			}
		case f.begun != nil:
			whole := append(f.begun.payload, payload...) //nolint:gocritic // f gives up its memory
			f.begun = nil
			err = checked(whole, text)
		default:
			err = checked(payload, text)
		}
		if err != nil {
			return used, err
		}
	}
}

// size is how many bytes of the message have come.
func (f *fragments) size() int {
	if f.begun == nil {
		return 0
	}
	return len(f.begun.payload)
}

var errLongLength = errors.New("the length of a frame must have its shortest form")

// check returns what RFC 6455 forbids about h, of size bytes, at this place of the stream.
func (f *fragments) check(h *frame.Header, size int) error {
	if size > h.Size() {
		return errLongLength
	}
	if h.Final && h.Reserved == 0 && h.Opcode == frame.Text && h.Masked && f.begun == nil && h.Length <= math.MaxInt64 {
		return nil // as nearly all frames are
	}
	if h.Length > math.MaxInt64 {
		return ws.ErrHeaderLengthMSB
	}
	state := ws.StateServerSide
	if f.begun != nil {
		state = state.Set(ws.StateFragmented)
	}
	return ws.CheckHeader(ws.Header{
		Fin: h.Final, Rsv: h.Reserved, OpCode: ws.OpCode(h.Opcode), Masked: h.Masked, Mask: h.Mask, Length: int64(h.Length),
	}, state)
}

// checked calls text with a message that is valid UTF-8.
func checked(payload []byte, text func([]byte) error) error {
	if !utf8.Valid(payload) {
		return &closeError{code: protocol.CloseInvalidData, reason: "a text message must be UTF-8"}
	}
	return text(payload)
}

// checkClose validates the payload of a close frame and returns the code to answer with.
func checkClose(payload []byte) (protocol.CloseCode, error) {
	if len(payload) == 0 {
		return protocol.CloseNormal, nil
	}
	if len(payload) == 1 {
		return 0, &closeError{code: protocol.CloseProtocolError, reason: "a close frame carries a two-byte code or nothing"}
	}
	code := protocol.CloseCode(binary.BigEndian.Uint16(payload))
	if !sendable(code) {
		return 0, &closeError{code: protocol.CloseProtocolError, reason: "a close frame with a code that may not be sent"}
	}
	if !utf8.Valid(payload[2:]) {
		return 0, &closeError{code: protocol.CloseInvalidData, reason: "a close reason must be UTF-8"}
	}
	return code, nil
}

// sendable reports whether a close frame can carry the code, by RFC 6455, section 7.4, and the
// registry of IANA.
func sendable(code protocol.CloseCode) bool {
	switch code {
	case 1004, 1005, 1006: // reserved, or never in a frame
		return false
	}
	return 1000 <= code && code <= 1014 || 3000 <= code && code <= 4999
}
