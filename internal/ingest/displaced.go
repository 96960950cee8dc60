package ingest

import (
	"time"

	"backbone/internal/moment"
)

// A member is in the hub shortly before it is counted here, and may have got a local price by
// then. If that price's room gave way in between and were forgotten, the member's read could find
// an older one in Redis, because the newer one may still be in the outbox. So a displaced room is
// kept aside for as long as counting a member may take. If it is counted, the room is back.

const (
	asideFor  = 5 * time.Second
	asideMost = 10_000 // rooms
)

// displaced are the rooms that gave way a short time ago. They are part of the table, and are
// not among its rooms.
type displaced struct {
	aside map[string]*displacedRoom
	queue []*displacedRoom // the same and some that are back, in the order in which they gave way
}

type displacedRoom struct {
	room  *room
	from  holderName // who held its places
	until time.Duration
}

// displace takes the places of the room of a value that has one. The room has no members.
func (t *table) displace(v *value, now moment.Time) {
	r := v.room
	d := &displacedRoom{room: r, from: v.holder.holderName, until: now.Steady + asideFor}
	t.forget(r)
	if len(t.queue) >= asideMost {
		t.dropAside()
	}
	t.aside[r.name] = d
	t.queue = append(t.queue, d)
}

// expireAside forgets two displaced rooms at most whose time is over.
func (t *table) expireAside(now moment.Time) {
	for i := 0; i < 2 && len(t.queue) > 0 && now.Steady >= t.queue[0].until; i++ {
		t.dropAside()
	}
}

func (t *table) dropAside() {
	d := t.queue[0]
	t.queue[0] = nil
	t.queue = t.queue[1:]
	if t.aside[d.room.name] == d {
		delete(t.aside, d.room.name)
	}
}

// displacedValue returns a value of a displaced room, or nil.
func (t *table) displacedValue(room, typ string) *value {
	if d := t.aside[room]; d != nil {
		return d.room.of(typ)
	}
	return nil
}

// comeBack has a room that is about to get a member back among the known ones, even if there are
// no places left.
func (t *table) comeBack(name string, now moment.Time) {
	d := t.aside[name]
	if d == nil {
		return
	}
	delete(t.aside, name)
	t.parts[d.room.partition].recent.put(d.room)
	t.known += int(d.room.known)
	d.room.warm.read = 0 // what came meanwhile may not be known
	for v := range d.room.values {
		if v.known() {
			t.hold(v, t.holder(d.from.name, d.from.remote), now, 0)
		}
	}
}
