package hub

import (
	"cmp"
	"fmt"
)

// Kind says how an event is delivered.
type Kind uint8

// The kinds of events.
const (
	// State is a live value of its room: each one is delivered, but for a client that
	// lags only the newest counts.
	State Kind = iota
	// Message is delivered to every member and never conflated.
	Message
	// Warm is a room's last value, for members that have seen no event of the room
	// since they joined.
	Warm
	// Recovered is a value that was missed and is newer than all before: for all
	// members, conflated like State, but not counted as a live event.
	Recovered
	// Absent says that a room has no last value, for members that asked to be told.
	Absent
	// Status tells the members that asked for it what became of their room's feed; of
	// the room "", all clients that asked anywhere what became of the instance's link.
	Status
	// StatusNow is a Status for members that asked since the last Status or StatusNow.
	StatusNow
	// Resync asks other instances for values newer than Version. It never reaches a hub.
	Resync
)

// Live reports whether the event is one that a producer sent just now, so that
// leaving it out must be counted.
func (k Kind) Live() bool { return k == State || k == Message }

// Value reports whether the event is a value of its room: it has a version, and a
// newer one replaces it.
func (k Kind) Value() bool { return k == State || k == Recovered }

// BroadcastEvent is one event on its way to the members of a room. The hub reads
// Room, Kind and Missed, passes Payload on unread, and knows nothing of the rest.
type BroadcastEvent struct {
	Room    string
	Payload string // one text message, opaque here
	Kind    Kind
	Missed  uint64 // live events of the room that were lost before this one on the way from their instance

	Version Version // of a State event: decides which of two is newer
	Born    int64   // ingestion, Unix time in nanoseconds by this instance's clock
	Seq     uint64  // count of the origin's events of this room, from 1; 0 unknown
}

// Version orders the values of one room across instances: a hybrid logical clock
// (Kulkarni et al., "Logical Physical Clocks", 2014) and, to break ties, the
// instance that set it.
type Version struct {
	Clock    uint64 // wall clock in milliseconds << 16, plus a counter
	Instance string // the instance's id
}

// Compare is negative if v is older than w, positive if newer. It orders as the
// texts of [Version.String] do.
func (v Version) Compare(w Version) int {
	return cmp.Or(cmp.Compare(v.Clock, w.Clock), cmp.Compare(v.Instance, w.Instance))
}

// String is the version as it is stored and sent: 16 hex digits, then the origin.
// Texts of versions order as the versions do.
func (v Version) String() string { return fmt.Sprintf("%016x-%s", v.Clock, v.Instance) }
