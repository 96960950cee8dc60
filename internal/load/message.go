package load

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"strconv"
	"strings"

	"backbone/protocol"
)

// rooms are the rooms of one run. Their names begin with an id of the run, so that
// runs on one server, and what earlier ones left there, stay apart.
type rooms struct {
	prefix string // of the names, before the number
	names  []string
	// What messages of these rooms begin with, up to the room's number.
	price, conflated []byte
}

func newRooms(n int) *rooms {
	var id [4]byte
	rand.Read(id[:]) // it never fails: crypto/rand ends the program first
	name := "bench-" + hex.EncodeToString(id[:]) + "-"
	r := &rooms{
		prefix:    name,
		price:     []byte(`{"type":"price_update","instrument":"` + name),
		conflated: []byte(`{"type":"conflated","room":"` + name),
	}
	for i := range n {
		r.names = append(r.names, name+strconv.Itoa(i))
	}
	return r
}

// message is a message of a room of the run, read without an allocation.
type message struct {
	room     int
	notice   bool   // conflated; otherwise a price
	skipped  uint64 // of a notice
	seq      uint64 // the price
	ts       int64  // nanoseconds; endMark at the end of a room
	snapshot bool
}

// endMark is the time of a room's last price, which only says that there will be no
// further one.
const endMark = 0

// parse reads a message that servers send in numbers. ok is false for any other, and
// for one that is not written exactly as the protocol says.
func (r *rooms) parse(b []byte) (m message, ok bool) {
	if rest, found := bytes.CutPrefix(b, r.price); found {
		return r.parsePrice(rest)
	}
	rest, found := bytes.CutPrefix(b, r.conflated)
	if !found {
		return m, false
	}
	m.notice = true
	if m.room, rest, ok = r.number(rest); !ok {
		return m, false
	}
	if rest, ok = bytes.CutPrefix(rest, []byte(`","skipped":`)); !ok {
		return m, false
	}
	m.skipped, rest, ok = natural(rest)
	return m, ok && string(rest) == "}"
}

func (r *rooms) parsePrice(b []byte) (m message, ok bool) {
	if m.room, b, ok = r.number(b); !ok {
		return m, false
	}
	if b, ok = bytes.CutPrefix(b, []byte(`","price":`)); !ok {
		return m, false
	}
	if m.seq, b, ok = natural(b); !ok {
		return m, false
	}
	if b, ok = bytes.CutPrefix(b, []byte(`,"ts":`)); !ok {
		return m, false
	}
	ts, b, ok := natural(b)
	m.ts = int64(ts)
	switch string(b) {
	case "}":
	case `,"snapshot":true}`:
		m.snapshot = true
	default:
		return m, false
	}
	return m, ok
}

// index is the number in a room's name.
func (r *rooms) index(name string) (int, bool) {
	digits, ok := strings.CutPrefix(name, r.prefix)
	n, err := strconv.Atoi(digits)
	return n, ok && err == nil && n >= 0 && n < len(r.names)
}

// number reads the number of a room.
func (r *rooms) number(b []byte) (int, []byte, bool) {
	n, rest, ok := natural(b)
	return int(n), rest, ok && n < uint64(len(r.names))
}

// isPrice reports whether a message that parse refused claims to be an event.
func isPrice(b []byte) bool {
	return bytes.HasPrefix(b, []byte(`{"type":"`+protocol.TypePriceUpdate+`"`)) ||
		bytes.HasPrefix(b, []byte(`{"type":"`+protocol.TypeConflated+`"`))
}

// natural reads a number of up to 19 digits.
func natural(b []byte) (n uint64, rest []byte, ok bool) {
	i := 0
	for i < len(b) && b[i] >= '0' && b[i] <= '9' {
		if i == 19 {
			return 0, b, false
		}
		n = n*10 + uint64(b[i]-'0')
		i++
	}
	return n, b[i:], i > 0
}
