package wire

import (
	"time"

	"backbone/internal/hub"
)

// A Form is one of the two forms of the envelope.
type Form int

// The forms.
const (
	Form1 Form = 1 // JSON
	Form2 Form = 2 // records
)

// AppendBegin appends what a message of origin begins with. Events follow it, with between
// behind each but the last one, and last behind that.
func (f Form) AppendBegin(b []byte, origin string) []byte {
	if f == Form2 {
		return append(b, EnvelopeHead2(origin)...)
	}
	return append(append(b, EnvelopeHead(origin)...), `"events":[`...)
}

// Ends is what follows the events of a message.
func (f Form) Ends() (between, last string) {
	if f == Form2 {
		return "\n", "\n"
	}
	return "},", "}]}"
}

// AppendEvent appends an event up to its payload, which comes last.
func (f Form) AppendEvent(b []byte, e *hub.BroadcastEvent, origin string, now time.Duration) []byte {
	if f == Form2 {
		b = AppendEvent(b, e, origin, now)
		return b[:len(b)-1] // the newline, which is one of the ends
	}
	return append(appendEventHead(b, e, now), e.Payload...)
}
