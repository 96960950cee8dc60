package ingest

import (
	"time"

	"backbone/internal/hub"
	"backbone/internal/moment"
)

// room is what is known of one room.
type room struct {
	name      string
	members   int32  // local members
	partition uint8  // of the name
	known     uint16 // values with a payload
	types     uint16 // values in use

	value value // the first one; others follow by next
	warm  warmState
	feed  *feed // nil: the room has no members

	left    time.Duration // when a member left last, a moment.Time's Steady; of an edge
	lingers bool          // the room is one of its own members; of an edge
}

// value is the newest event of one State type in a room, and what belongs to it.
type value struct {
	room *room
	next *value // the room's value of another type; nil: none
	typ  string

	version hub.Version   // of the newest value; kept when the value itself is too old for a warm start
	payload string        // "" while none is known
	born    time.Duration // time of ingestion, a moment.Time's Steady
	transit time.Duration // see hub.BroadcastEvent
	number  uint64        // number among its instance's live events of the room and type; 0: unknown
	at      int64         // time of ingestion by its instance's clock, Unix milliseconds; 0: unknown
	life    uint32        // of the count of number
	own     uint32        // life of the count of local events
	seq     uint64        // local live events of the room and type so far
	heard   uint64        // generation of the partition in which an event last set the value

	part bool // payload is a part of a longer text
	ends bool // the value says that there is none any more: see retire.go

	offer   offerState
	missing missingState

	holder       *holder       // of the place of a known value
	place        int32         // index in holders.places
	older, newer *value        // among those of the holder
	looked       time.Duration // when it got its place, or was last looked at, a moment.Time's Steady
	turns        turns
}

func (v *value) known() bool { return v.payload != "" }

// fresh reports whether the value is within its life.
func (v *value) fresh(now moment.Time, ttl time.Duration) bool {
	return v.known() && now.Since(v.born) < ttl
}

// alive reports whether the value may still be given to a new member.
func (v *value) alive(now moment.Time, ttl time.Duration) bool { return v.fresh(now, ttl) && !v.ends }

// missed reports whether a member may have been in the room when a value was taken in, while the room had
// no other since its first member came.
func (r *room) missed(e *hub.BroadcastEvent) bool { return r.feed != nil && e.Born >= r.feed.live }

// of returns the room's value of a type, or nil. r may be nil.
func (r *room) of(typ string) *value {
	if r == nil || r.types == 0 {
		return nil
	}
	v := &r.value
	for v != nil && v.typ != typ {
		v = v.next
	}
	return v
}

// add makes an unknown value of a type that the room has none of.
func (r *room) add(typ string) *value {
	r.types++
	if r.types == 1 {
		r.value = value{room: r, typ: typ}
		return &r.value
	}
	last := &r.value
	for last.next != nil {
		last = last.next
	}
	last.next = &value{room: r, typ: typ}
	return last.next
}

// values calls f for each of the room's values, in the order in which they were added.
func (r *room) values(f func(*value) bool) {
	if r.types == 0 {
		return
	}
	for v := &r.value; v != nil && f(v); v = v.next {
	}
}

// priced reports whether a value of the room is known that none has ended since.
func (r *room) priced() bool {
	for v := range r.values {
		if v.known() && !v.ends {
			return true
		}
	}
	return false
}

// fresh reports whether one of the room's values is within its life.
func (r *room) fresh(now moment.Time, ttl time.Duration) bool {
	for v := range r.values {
		if v.fresh(now, ttl) {
			return true
		}
	}
	return false
}

// alive reports whether one of the room's values may still be given to a new member.
func (r *room) alive(now moment.Time, ttl time.Duration) bool {
	for v := range r.values {
		if v.alive(now, ttl) {
			return true
		}
	}
	return false
}
