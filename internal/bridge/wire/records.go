package wire

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"backbone/internal/hub"
	"backbone/internal/moment"
	"backbone/internal/partition"
)

// Form 2 of the envelope is a text of lines:
//
//	2 ORIGIN
//	LENGTH KIND TYPE VERSION AGE [seq=7] [at=1710000000123] [life=2]
//	ROOM
//	PAYLOAD
//	LENGTH KIND ...
//
// The first line names the form and the instance, so that an instance knows its own messages by
// their beginning. Each event is a record of three lines, and every line ends with a newline.
//
//   - LENGTH is the number of bytes behind it and its blank, up to the end of the record, as
//     seven digits. A reader finds the next record by it, whatever this one holds.
//   - KIND, TYPE, AGE, seq, at and life are what they are in form 1.
//   - VERSION is "<16 hex digits>-<instance id>", without "-<instance id>" if that is ORIGIN, and
//     "-" for a message.
//   - ROOM is a line of its own because it may hold blanks. It holds no control characters.
//   - PAYLOAD is the payload verbatim, which may hold newlines.
//
// Unknown words behind ORIGIN and behind AGE are ignored, so that words can be added. A record
// that is no event costs itself. Where the lengths do not fit, the whole message is garbage.

const (
	form2        = "2 " // how a message of form 2 begins; one of form 1 is JSON
	lengthDigits = 7    // hold MaxBytes
)

// EnvelopeHead2 is the first line of all messages of form 2 of an instance. Records follow it.
func EnvelopeHead2(origin string) string { return form2 + origin + "\n" }

// AppendEvent appends the record of an event to a message of form 2 of origin. The payload is
// the last part of the record, before one newline.
func AppendEvent(b []byte, e *hub.BroadcastEvent, origin string, now time.Duration) []byte {
	b = append(b, "0000000 "...)
	begin := len(b)
	b = append(b, kindNames[e.Kind]...)
	b = append(b, ' ')
	b = append(b, e.Type...)
	b = append(b, ' ')
	switch {
	case e.Kind == hub.Message:
		b = append(b, '-')
	case e.Version.Instance == origin:
		b = e.Version.AppendClock(b)
	default:
		b = e.Version.Append(b)
	}
	b = append(b, ' ')
	b = strconv.AppendInt(b, ageMS(e.Born, now), 10)
	if e.Seq != 0 {
		b = strconv.AppendUint(append(b, " seq="...), e.Seq, 10)
		if e.At != 0 {
			b = strconv.AppendInt(append(b, " at="...), e.At, 10)
		}
		if e.Life != 0 {
			b = strconv.AppendUint(append(b, " life="...), uint64(e.Life), 10)
		}
	}
	b = append(b, '\n')
	b = append(b, e.Room...)
	b = append(b, '\n')
	b = append(b, e.Payload...)
	b = append(b, '\n')
	length := b[begin-lengthDigits-1:]
	for i, n := lengthDigits-1, len(b)-begin; i >= 0; i, n = i-1, n/10 {
		length[i] = byte('0' + n%10)
	}
	return b
}

// A Reader reads messages of both forms. One goroutine uses it.
type Reader struct {
	names map[string]string // types and instance ids, so that no event keeps a message for one of them
	last  [2]string         // of the types, of the instance ids
}

// maxNames bounds the names of a Reader, because whoever reaches Redis can invent any number.
const maxNames = 1024

const (
	typeName = iota
	instanceName
)

// OfParts reports whether rooms and payloads of the events of a message are parts of it, as in
// form 2. Each of them then keeps all of it. In form 1 they are texts of their own.
func OfParts(message string) bool { return strings.HasPrefix(message, form2) }

// Decode appends the events of a Redis message to events. of holds the partitions of its
// channel. bad counts the events in it that are not valid, or that the function does not take.
// With an error, none of its events is used.
//
// Of a message of form 2, the function has to check the payload: here it only begins with "{".
// Its rooms and payloads keep the message, see [OfParts].
func (r *Reader) Decode(
	events []hub.BroadcastEvent, message string, of partition.Set, now moment.Time, valid func(*hub.BroadcastEvent) bool,
) (_ []hub.BroadcastEvent, bad int, err error) {
	if !OfParts(message) {
		more, bad, err := decodeEnvelope(message, of, now, valid)
		return append(events, more...), bad, err
	}
	if len(message) > MaxBytes {
		return events, 0, fmt.Errorf("%w: %d bytes", errEnvelope, len(message))
	}
	head, rest, ok := strings.Cut(message[len(form2):], "\n")
	origin, _ := word(head)
	if origin, known := r.name(instanceName, origin); ok && known {
		return r.records(events, rest, origin, of, now, valid)
	}
	return events, 0, fmt.Errorf("%w: no origin", errEnvelope)
}

func (r *Reader) records(
	events []hub.BroadcastEvent, rest, origin string, of partition.Set, now moment.Time, valid func(*hub.BroadcastEvent) bool,
) (_ []hub.BroadcastEvent, bad int, err error) {
	before := len(events)
	for rest != "" {
		n, ok := uint64(0), len(rest) > lengthDigits && rest[lengthDigits] == ' '
		if ok {
			n, ok = number(rest[:lengthDigits], uint64(len(rest)-lengthDigits-1))
		}
		end := lengthDigits + 1 + int(n)
		if !ok || n == 0 || rest[end-1] != '\n' {
			return events[:before], 0, fmt.Errorf("%w: a record has another length than it says", errEnvelope)
		}
		events = append(events, hub.BroadcastEvent{})
		e := &events[len(events)-1]
		if !r.record(e, rest[lengthDigits+1:end-1], origin, now) ||
			of != partition.All && !of.Has(partition.Of(e.Room)) || !PlainRoom(e.Room) || valid != nil && !valid(e) {
			events = events[:len(events)-1]
			bad++
		}
		rest = rest[end:]
	}
	return events, bad, nil
}

// record reads an event. It returns false if the text is none.
func (r *Reader) record(e *hub.BroadcastEvent, text, origin string, now moment.Time) (ok bool) {
	head, text, ok := strings.Cut(text, "\n")
	if !ok {
		return false
	}
	if e.Room, e.Payload, ok = strings.Cut(text, "\n"); !ok || !strings.HasPrefix(e.Payload, "{") {
		return false
	}
	kind, head := word(head)
	typ, head := word(head)
	version, head := word(head)
	age, head := word(head)
	if e.Type, ok = r.name(typeName, typ); !ok {
		return false
	}
	if e.Kind, ok = parseKind(kind); !ok {
		return false
	}
	e.Version.Instance = origin
	if e.Kind != hub.Message && !r.version(&e.Version, version) {
		return false
	}
	ms, ok := number(age, maxAge)
	if !ok || !stampWords(e, head) {
		return false
	}
	setAge(e, time.Duration(ms)*time.Millisecond, now)
	return true
}

// version sets v to what a text says, and leaves the instance as it is where the text has none.
func (r *Reader) version(v *hub.Version, text string) (ok bool) {
	if len(text) > 16 {
		if text[16] != '-' {
			return false
		}
		if v.Instance, ok = r.name(instanceName, text[17:]); !ok {
			return false
		}
		text = text[:16]
	}
	v.Clock, ok = ParseClock(text)
	return ok
}

// stampWords sets Seq, At and Life of e as the words say. It reports whether they are numbers.
func stampWords(e *hub.BroadcastEvent, words string) bool {
	var w string
	var at, life uint64
	for ok := true; words != ""; {
		w, words = word(words)
		switch key, value, _ := strings.Cut(w, "="); key {
		case "seq":
			e.Seq, ok = number(value, math.MaxUint64)
		case "at":
			at, ok = number(value, math.MaxInt64)
		case "life":
			life, ok = number(value, math.MaxUint32)
		}
		if !ok {
			return false
		}
	}
	if e.Seq != 0 {
		e.At, e.Life = int64(at), uint32(life)
	}
	return true
}

// name returns a text of its own for a name, which is a part of a message. It reports whether
// the name is valid.
func (r *Reader) name(of int, s string) (string, bool) {
	if s == r.last[of] && s != "" {
		return r.last[of], true
	}
	own, known := r.names[s]
	if !known {
		if !ValidName(s) {
			return "", false
		}
		if r.names == nil || len(r.names) == maxNames {
			r.names = map[string]string{}
		}
		own = strings.Clone(s)
		r.names[own] = own
	}
	r.last[of] = own
	return own, true
}

// word cuts s at its first blank.
func word(s string) (first, rest string) {
	first, rest, _ = strings.Cut(s, " ")
	return first, rest
}

// number reads digits of a number up to limit.
func number(s string, limit uint64) (n uint64, ok bool) {
	if s == "" || len(s) > 20 {
		return 0, false
	}
	for i := range len(s) {
		digit := uint64(s[i] - '0')
		if digit > 9 || i == 19 && n > (math.MaxUint64-digit)/10 { // fewer digits always fit
			return 0, false
		}
		n = 10*n + digit
	}
	return n, n <= limit
}
