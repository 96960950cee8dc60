package ingest

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"backbone/internal/hub"
	"backbone/internal/partition"
)

// value is what is known of one room.
type value struct {
	room      string
	partition int
	version   hub.Version // of the newest value known; kept when the value itself is too old to warm anyone
	payload   string      // "" while none is known
	born      int64       // of payload, Unix nanoseconds
	number    uint64      // of payload among its origin's live events of the room, 0 unknown
	seq       uint64      // local live events of the room so far

	members int        // local members
	heard   uint64     // generation of the partition in which an event last set the value
	read    uint64     // generation in which Redis was last asked for a newer one; 0 never
	origins []position // where each other instance's sequence stands
	missed  uint64     // live events of others lost or dropped since the last one passed on

	live     int64 // last live event, or first member, Unix nanoseconds; of rooms with members
	silent   bool  // no live event for the TTL
	expected *task // looks at the feed

	wanting   bool // others are still to be asked for a newer value, after a new link
	answering bool // a task offers the value to others
	answered  bool // another was first
	again     bool // a task reads it again
}

func (v *value) known() bool { return v.payload != "" }

// alive reports whether the value may still warm someone.
func (v *value) alive(now time.Time, ttl time.Duration) bool {
	return v.known() && now.UnixNano()-v.born < int64(ttl)
}

// table holds the values of all rooms, by partition. A room without members is
// forgotten by rotation: what was not touched for one whole period goes, at once and
// unswept.
type table struct {
	parts   [partition.Count]part
	rotated time.Time
	known   int // rooms with a known value
}

type part struct {
	watched map[string]*value // rooms with members
	recent  map[string]*value // touched since the last rotation; known
	old     map[string]*value // touched in the period before; known
}

func newTable(now time.Time) *table {
	t := &table{rotated: now}
	for i := range t.parts {
		t.parts[i] = part{map[string]*value{}, map[string]*value{}, map[string]*value{}}
	}
	return t
}

// find returns the room's entry, or nil, and keeps it from rotating out.
func (t *table) find(room string) *value {
	p := &t.parts[partition.Of(room)]
	if v := p.watched[room]; v != nil {
		return v
	}
	if v := p.recent[room]; v != nil {
		return v
	}
	v := p.old[room]
	if v != nil {
		delete(p.old, room)
		p.recent[v.room] = v
	}
	return v
}

// watched returns the entry of a room with members, or nil.
func (t *table) watched(room string) *value { return t.parts[partition.Of(room)].watched[room] }

// add makes an entry for a room that has none, and is given a value or a member next.
func (t *table) add(room string) *value {
	v := &value{room: strings.Clone(room), partition: partition.Of(room)} // room may be part of a payload that need not live on
	t.parts[v.partition].recent[v.room] = v
	return v
}

// set gives v a newer value.
func (t *table) set(v *value, e *hub.BroadcastEvent) {
	if !v.known() {
		t.known++
	}
	v.version, v.payload, v.born, v.number = e.Version, e.Payload, e.Born, e.Seq
}

// watch counts a local member of room in.
func (t *table) watch(room string) *value {
	v := t.find(room)
	if v == nil {
		v = t.add(room)
	}
	if v.members == 0 {
		p := &t.parts[v.partition]
		delete(p.recent, v.room)
		p.watched[v.room] = v
	}
	v.members++
	return v
}

// unwatch counts a local member out. It returns the room's entry.
func (t *table) unwatch(room string) *value {
	v := t.watched(room)
	if v == nil {
		panic("ingest: unwatch of a room that nobody watches: " + room)
	}
	if v.members--; v.members > 0 {
		return v
	}
	p := &t.parts[v.partition]
	delete(p.watched, v.room)
	v.origins, v.missed, v.wanting = nil, 0, false
	if v.known() {
		p.recent[v.room] = v
	}
	return v
}

// rotate forgets what was not touched since the rotation before, once in a period.
func (t *table) rotate(now time.Time, period time.Duration) {
	if now.Sub(t.rotated) < period {
		return
	}
	for i := range t.parts {
		p := &t.parts[i]
		t.known -= len(p.old)
		p.old, p.recent = p.recent, map[string]*value{}
	}
	t.rotated = now
}

// sorted returns every entry of a partition, in the order of their rooms' names: what
// follows from it must not depend on the order of a map.
func (t *table) sorted(number int) []*value {
	p := &t.parts[number]
	all := make([]*value, 0, len(p.watched)+len(p.recent)+len(p.old))
	for _, m := range [...]map[string]*value{p.watched, p.recent, p.old} {
		for _, v := range m {
			all = append(all, v)
		}
	}
	slices.SortFunc(all, func(a, b *value) int { return cmp.Compare(a.room, b.room) })
	return all
}
