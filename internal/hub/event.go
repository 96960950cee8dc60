package hub

import (
	"cmp"
	"time"
)

// Kind says how an event is delivered.
type Kind uint8

// The kinds of events.
const (
	// State is a live value of its room and type. Each one is delivered, except to a
	// client that lags, which gets the newest.
	State Kind = iota
	// Message is delivered to every member and never conflated. A member that lags gets no more of them
	// than its bounds allow, and is told how many are lost. Whoever emits one agrees to that.
	Message
	// Warm is the last value of a room and type, for the members that have not got it
	// since they joined.
	Warm
	// Recovered is a value that was missed and is newer than all before. It goes to all
	// members and is conflated like State, but does not count as a live event.
	Recovered
	// Absent says that a room has no last value, for members that asked to be told.
	Absent
	// Status reports a change of a room's feed to the members of its group that asked for it.
	// With Room "" it reports a change of the bridge to every client that asked in any room.
	Status
	// StatusNow is a Status for the members that asked since the last Status or StatusNow of
	// their group.
	StatusNow
	// Resync asks other instances for values newer than Version. It never reaches a hub.
	Resync
	// Lost says that Missed messages of a room were lost before they came here. It goes to all
	// members.
	Lost
)

// Live reports whether a producer sent the event just now, so that leaving it out must be
// counted.
func (k Kind) Live() bool { return k == State || k == Message }

// Value reports whether the event is a value of its room: it has a version, and a
// newer one of the same type replaces it.
func (k Kind) Value() bool { return k == State || k == Recovered }

// BroadcastEvent is one event on its way to the members of a room. The hub passes Payload
// on unread, compares Type and Version with others, and does not use Life and what follows Version.
type BroadcastEvent struct {
	Room    string
	Type    string // name of the payload's domain, opaque here; a room has one newest value of each type
	Payload string // one text message, opaque here
	Kind    Kind
	Missed  uint32 // live events of the room and type that were lost between instances before this one
	Group   uint32 // of a Status or StatusNow of a room: the group of members that it is for, see Wants
	Life    uint32 // which of its instance's counts Seq is a number of: a room that was forgotten is counted from 1 again

	Version Version       // of a State, Recovered or Warm event: decides which of two is newer. All Warm events of one have one payload
	Born    time.Duration // when it was taken in, here or elsewhere, by this instance's steady clock: moment.Time.Steady
	Transit time.Duration // how much older it is by its At and this instance's wall clock, both as they were when it came
	Seq     uint64        // number among its instance's live events of the room and type, from 1; 0: unknown
	At      int64         // time of ingestion by the wall clock of the instance that took it in, Unix milliseconds; 0: unknown
}

// Version orders the values of one room and type across instances: a hybrid logical clock
// (Kulkarni et al., "Logical Physical Clocks", 2014) and, to break ties, the
// instance that set it.
type Version struct {
	Clock    uint64 // wall clock in milliseconds << 16, plus a counter
	Instance string // id of the instance
}

// Compare is negative if v is older than w, positive if newer. It orders as the
// texts of [Version.String] do.
func (v Version) Compare(w Version) int {
	return cmp.Or(cmp.Compare(v.Clock, w.Clock), cmp.Compare(v.Instance, w.Instance))
}

// String is the version as it is stored and sent: 16 hex digits, then the instance.
// Texts of versions order as the versions do.
func (v Version) String() string { return string(v.Append(make([]byte, 0, 64))) }

// Append appends the text of v.
func (v Version) Append(b []byte) []byte { return append(append(v.AppendClock(b), '-'), v.Instance...) }

// AppendClock appends the 16 hex digits.
func (v Version) AppendClock(b []byte) []byte {
	for shift := 60; shift >= 0; shift -= 4 {
		b = append(b, "0123456789abcdef"[v.Clock>>shift&15])
	}
	return b
}
