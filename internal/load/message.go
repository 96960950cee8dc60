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
}

func newRooms(n int) *rooms {
	var id [4]byte
	rand.Read(id[:]) // it never fails: crypto/rand ends the program first
	name := "bench-" + hex.EncodeToString(id[:]) + "-"
	r := &rooms{prefix: name}
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
	if p, found := protocol.ScanPriceUpdate(b); found {
		m.ts, m.snapshot = p.TS, p.Snapshot
		if m.room, ok = r.index(string(p.Instrument)); !ok {
			return m, false
		}
		seq, err := strconv.ParseUint(string(p.Price), 10, 63)
		m.seq = seq
		return m, err == nil && p.Data == nil
	}
	room, skipped, found := protocol.ScanConflated(b)
	if !found {
		return m, false
	}
	m.notice, m.skipped = true, skipped
	m.room, ok = r.index(string(room))
	return m, ok
}

// index is the number in a room's name.
func (r *rooms) index(name string) (int, bool) {
	digits, ok := strings.CutPrefix(name, r.prefix)
	n, err := strconv.Atoi(digits)
	return n, ok && err == nil && n >= 0 && n < len(r.names)
}

// isPrice reports whether a message that parse refused claims to be an event.
func isPrice(b []byte) bool {
	return bytes.HasPrefix(b, []byte(`{"type":"`+protocol.TypePriceUpdate+`"`)) ||
		bytes.HasPrefix(b, []byte(`{"type":"`+protocol.TypeConflated+`"`))
}
