package ingest

import (
	"slices"
	"time"

	"backbone/internal/moment"
)

// Options.MaxInstruments is how many places the table has for values. Each is held by a producer
// that publishes the value: an ingestor here, or another instance. While there
// are places, a producer may hold as many as it likes. When there are none, a new value gets
// the place of another one, whose room is forgotten. A room with members never is.
//
//   - A value past its life gives way to any new one.
//   - One of another instance gives way to one that is published here: it is a copy.
//   - Otherwise the producer that holds most gives way, if it holds more than the new value's
//     producer would. So who has few instruments gets places, however many another one floods
//     the instance with, and who holds most is refused.

// holder is a producer that holds places.
type holder struct {
	holderName
	held           int
	oldest, newest *value // by when they got their place, or were last looked at
}

type holderName struct {
	name   string
	remote bool // it is another instance
}

// holders are all that hold a place. They are part of the table.
type holders struct {
	byName  map[holderName]*holder
	all     []*holder     // the same, in an order that does not depend on a map's
	most    [2]*holder    // of the local ones and of the remote ones, who holds most; nil: not known
	expires time.Duration // before that, no value that could give way is past its life
	last    *holder       // the last one that published here
}

// holder returns who holds places under a name. It is not one of all before it holds one.
func (t *table) holder(name string, remote bool) *holder {
	if h := t.last; !remote && h != nil && h.held > 0 && h.name == name {
		return h
	}
	key := holderName{name, remote}
	h := t.byName[key]
	if h == nil {
		h = &holder{holderName: key}
	}
	if !remote {
		t.last = h
	}
	return h
}

// heldFor reports whether a value has a holder for less than a time.
func (v *value) heldFor(less time.Duration, now moment.Time) bool {
	return v.holder != nil && now.Since(v.looked) < less
}

// hold gives h the place of a value that is known, but not so often that two producers of one
// instrument would take it from one another with every price.
func (t *table) hold(v *value, h *holder, now moment.Time, ttl time.Duration) {
	if v.holder == h || v.heldFor(ttl, now) {
		return
	}
	t.release(v)
	if h.held == 0 {
		t.byName[h.holderName] = h
		t.all = append(t.all, h)
	}
	v.holder, v.looked = h, now.Steady
	h.append(v)
	h.held++
	if most := t.most[h.class()]; most != nil && h.held > most.held {
		t.most[h.class()] = h
	}
}

// release takes the place of a value from its holder.
func (t *table) release(v *value) {
	h := v.holder
	if h == nil {
		return
	}
	h.remove(v)
	v.holder = nil
	h.held--
	if t.most[h.class()] == h {
		t.most[h.class()] = nil
	}
	if h.held == 0 {
		delete(t.byName, h.holderName)
		t.all = slices.Delete(t.all, slices.Index(t.all, h), slices.Index(t.all, h)+1)
	}
}

func (h *holder) class() int {
	if h.remote {
		return 1
	}
	return 0
}

func (h *holder) append(v *value) {
	v.older, v.newer = h.newest, nil
	if h.newest == nil {
		h.oldest = v
	} else {
		h.newest.newer = v
	}
	h.newest = v
}

func (h *holder) remove(v *value) {
	if v.older == nil {
		h.oldest = v.newer
	} else {
		v.older.newer = v.newer
	}
	if v.newer == nil {
		h.newest = v.older
	} else {
		v.newer.older = v.older
	}
}

// holdsMost is who holds most of the local or of the remote producers, nil if none holds any.
func (t *table) holdsMost(remote bool) *holder {
	class := (&holder{holderName: holderName{remote: remote}}).class()
	if t.most[class] == nil {
		for _, h := range t.all {
			if h.remote == remote && (t.most[class] == nil || h.held > t.most[class].held) {
				t.most[class] = h
			}
		}
	}
	return t.most[class]
}

// maxLooks bounds how many values are looked at to find one that gives way.
const maxLooks = 64

// givesWay returns the value of h that was not heard for longest and whose room may be
// forgotten, as far as a few looks find it. nil: none was found.
func (h *holder) givesWay(now moment.Time) (candidate *value) {
	for range min(maxLooks, h.held) {
		v := h.oldest
		if h.alone(v.room) {
			if v.born <= v.looked {
				return v
			}
			if candidate == nil {
				candidate = v
			}
		}
		h.remove(v)
		h.append(v)
		v.looked = now.Steady
	}
	return candidate
}

// alone reports whether a room has no members, and values of no other holder.
func (h *holder) alone(r *room) bool {
	if r.members > 0 {
		return false
	}
	alone := true
	for v := range r.values {
		alone = alone && (v.holder == nil || v.holder == h)
	}
	return alone
}

// expired returns a value past its life whose room may be forgotten.
func (t *table) expired(now moment.Time, ttl time.Duration) *value {
	if now.Steady < t.expires {
		return nil
	}
	next := now.Steady + ttl
	for _, h := range t.all {
		v := h.givesWay(now)
		if v == nil {
			continue
		}
		alive := false
		for other := range v.room.values {
			alive = alive || other.alive(now, ttl)
		}
		if !alive {
			return v
		}
		next = min(next, max(v.born+ttl, now.Steady+ttl/1000))
	}
	t.expires = next
	return nil
}

// makePlace frees a place for a new value of h. It reports whether one gave way.
func (t *table) makePlace(h *holder, now moment.Time, ttl time.Duration) bool {
	v := t.expired(now, ttl)
	if others := t.holdsMost(true); v == nil && !h.remote && others != nil {
		v = others.givesWay(now)
	}
	if most := t.holdsMost(h.remote); v == nil && most != nil && most.held > h.held+1 {
		v = most.givesWay(now)
	}
	if v == nil {
		return false
	}
	t.forget(v.room)
	return true
}

// forget forgets a room without members.
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

// place reports whether there is a place for a new value of h, after another one gave way if
// it had to.
func (c *core) place(h *holder, now moment.Time) bool {
	if c.table.known < c.opts.MaxInstruments {
		return true
	}
	if !c.table.makePlace(h, now, c.opts.TTL) {
		return false
	}
	c.stats.Displaced++
	c.noPlace(now)
	return true
}

// noPlace says in the log that not all instruments have a place, once a minute.
func (c *core) noPlace(now moment.Time) {
	if now.Steady < c.placesQuiet {
		return
	}
	c.placesQuiet = now.Steady + skewQuiet
	line := c.opts.Logger
	if most := c.table.holdsMost(false); most != nil {
		line = line.With("most_held_by", most.name, "held", most.held)
	}
	line.Warn("too many instruments: new ones take the places of old ones, or are refused; raise --max-instruments, or stop who publishes too many",
		"limit", c.opts.MaxInstruments, "displaced", c.stats.Displaced, "refused", c.stats.TooMany)
}
