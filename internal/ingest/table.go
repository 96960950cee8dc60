package ingest

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"backbone/internal/hub"
	"backbone/internal/moment"
	"backbone/internal/partition"
)

// table holds what is known of all rooms, by partition. A room without members is
// forgotten by rotation: the rooms of a partition that were not touched for one whole period go
// together, without a search for them. One partition at most rotates in a step.
type table struct {
	types []string // of which a room may hold a value; others are admitted too
	parts [partition.Count]part
	turn  int // the partition that rotates next
	holders
	displaced
	priced pricedRooms
	lives  uint32 // times that rooms were forgotten: a count that begins after one is another count
	known  int    // known values
}

type part struct {
	watched map[string]*room // rooms with members
	recent  shelf            // rooms without members touched since the last rotation
	old     shelf            // rooms without members touched in the period before
	rotated time.Duration    // a moment.Time's Steady
}

// shelf is a set of rooms of which at least one value is known.
type shelf struct {
	rooms map[string]*room
	known int // known values of all rooms
}

func (s *shelf) put(r *room) {
	s.rooms[r.name] = r
	s.known += int(r.known)
}

func (s *shelf) remove(r *room) {
	delete(s.rooms, r.name)
	s.known -= int(r.known)
}

func newTable(types []string, now time.Duration) *table {
	t := &table{types: types, holders: holders{byName: map[holderName]*holder{}}, displaced: displaced{aside: map[string]*displacedRoom{}}}
	for i := range t.parts {
		p := &t.parts[i]
		p.watched, p.recent.rooms, p.old.rooms, p.rotated = map[string]*room{}, map[string]*room{}, map[string]*room{}, now
	}
	return t
}

// find returns the room's entry, or nil, and keeps it from rotating out.
func (t *table) find(name string) *room {
	p := &t.parts[partition.Of(name)]
	if r := p.watched[name]; r != nil {
		return r
	}
	if r := p.recent.rooms[name]; r != nil {
		return r
	}
	r := p.old.rooms[name]
	if r != nil {
		p.old.remove(r)
		p.recent.put(r)
	}
	return r
}

// peek is find for who only looks: it keeps the room for no longer.
func (t *table) peek(name string) *room {
	p := &t.parts[partition.Of(name)]
	return cmp.Or(p.watched[name], p.recent.rooms[name], p.old.rooms[name])
}

// watched returns the entry of a room with members, or nil.
func (t *table) watched(name string) *room { return t.parts[partition.Of(name)].watched[name] }

// add makes an entry for a room that has none. The caller gives it a value or a member. It
// copies the name, which may be part of a payload that need not live on.
func (t *table) add(name string) *room {
	delete(t.aside, name)
	r := &room{name: strings.Clone(name), partition: uint8(partition.Of(name))}
	t.parts[r.partition].recent.put(r)
	return r
}

// value makes an unknown value of a room, which may be nil if the table has no entry of it.
func (t *table) value(r *room, e *hub.BroadcastEvent) *value {
	if r == nil {
		r = t.add(e.Room)
	}
	typ := e.Type
	if i := slices.Index(t.types, typ); i >= 0 {
		typ = t.types[i]
	} else {
		typ = strings.Clone(typ)
	}
	v := r.add(typ)
	v.own = t.lives
	return v
}

// set gives v a newer value; ends is what Options.Ends says of it.
func (t *table) set(v *value, e *hub.BroadcastEvent, ends bool) {
	if !v.known() {
		t.known++
		v.room.known++
		if v.room.members == 0 {
			t.parts[v.room.partition].recent.known++
		}
	}
	if !ends && (!v.known() || v.ends) && !v.room.priced() {
		t.priced.note(v.room.name)
	}
	v.version, v.payload, v.born, v.transit = e.Version, e.Payload, e.Born, e.Transit
	v.number, v.at, v.life, v.ends = e.Seq, e.At, e.Life, ends
}

// watch counts a local member of a room in.
func (t *table) watch(name string) *room {
	r := t.find(name)
	if r == nil {
		r = t.add(name)
	}
	if r.members == 0 {
		p := &t.parts[r.partition]
		p.recent.remove(r)
		p.watched[r.name] = r
	}
	r.members++
	return r
}

// unwatch counts a local member of a room out.
func (t *table) unwatch(name string) *room {
	r := t.watched(name)
	if r == nil {
		panic("ingest: unwatch of a room that nobody watches: " + name)
	}
	if r.members--; r.members > 0 {
		return r
	}
	p := &t.parts[r.partition]
	delete(p.watched, r.name)
	r.warm.resyncDue = false
	for v := range r.values {
		v.missing = missingState{}
	}
	if r.known > 0 {
		p.recent.put(r)
	}
	return r
}

// forget drops a room with values and without members.
func (t *table) forget(r *room) {
	p := &t.parts[r.partition]
	if p.recent.rooms[r.name] == r {
		p.recent.remove(r)
	} else {
		p.old.remove(r)
	}
	t.known -= int(r.known)
	for v := range r.values {
		t.release(v)
		if v.own == t.lives {
			t.lives++ // a count that begins after this is another one
		}
	}
}

// rotate forgets the rooms of one partition that were not touched since its rotation before, once
// in a period. All partitions take turns, one in a call. An event begins a round.
func (t *table) rotate(now moment.Time, period time.Duration) {
	p := &t.parts[t.turn]
	if now.Since(p.rotated) < period {
		return
	}
	t.turn = (t.turn + 1) % len(t.parts)
	t.known -= p.old.known
	for _, r := range byName(p.old.rooms) {
		for v := range r.values {
			t.release(v)
		}
	}
	p.old, p.recent, p.rotated = p.recent, shelf{rooms: map[string]*room{}}, now.Steady
	t.lives++
}

// rotates is when the next partition rotates if a round is under way, never otherwise.
func (t *table) rotates(period time.Duration) time.Duration {
	if t.turn == 0 {
		return never
	}
	return t.parts[t.turn].rotated + period
}

// sorted returns the entries of a partition in the order of their rooms' names.
func (t *table) sorted(partition int) []*room {
	p := &t.parts[partition]
	return byName(p.watched, p.recent.rooms, p.old.rooms)
}

// byName returns rooms in the order of their names, because nothing may depend on the order of a map.
func byName(maps ...map[string]*room) []*room {
	n := 0
	for _, m := range maps {
		n += len(m)
	}
	all := make([]*room, 0, n)
	for _, m := range maps {
		for _, r := range m {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b *room) int { return cmp.Compare(a.name, b.name) })
	return all
}
