package ingest

import (
	"time"

	"backbone/internal/moment"
)

// Options.MaxInstruments is how many places the table has for values. Each is held by a producer
// that publishes the value: an ingestor here, or another instance. While there
// are places, a producer may hold as many as it likes. When there are none, a new value gets
// the place of another one, whose room is displaced. A room with members never is.
//
//   - A value past its life gives way to any new one, once a search has found it.
//   - One of another instance gives way to one that is published here: it is a copy.
//   - Otherwise the producer that holds most gives way, if it holds more than the new value's
//     producer would. So who has few instruments gets places, however many another one floods
//     the instance with, and who holds most is refused.

// holder is a producer that holds places.
type holder struct {
	holderName
	held           int
	oldest, newest *value  // by when they got their place, or were last looked at
	before, behind *holder // among those that hold as many
}

type holderName struct {
	name   string
	remote bool // it is another instance
}

// holders are all that hold a place. They are part of the table. Nothing that is done for one
// value takes longer with more holders.
type holders struct {
	byName   map[holderName]*holder
	ranks    [2][]*holder  // of the local ones and of the remote ones: by how many they hold, up to the most
	places   []*value      // all values that have a holder
	at       int           // index in places where the next search goes on
	searchAt time.Duration // no search before, a moment.Time's Steady
	last     *holder       // the last one that published here
}

// holder returns who holds places under a name. It is not one of them before it holds one.
func (t *table) holder(name string, remote bool) *holder {
	if h := t.last; !remote && h != nil && h.name == name {
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
	}
	v.holder, v.looked = h, now.Steady
	h.append(v)
	t.count(h, 1)
	v.place = int32(len(t.places))
	t.places = append(t.places, v)
}

// release takes the place of a value from its holder.
func (t *table) release(v *value) {
	h := v.holder
	if h == nil {
		return
	}
	h.remove(v)
	v.holder = nil
	last := len(t.places) - 1
	moved := t.places[last]
	t.places[v.place], t.places[last] = moved, nil
	moved.place = v.place
	t.places = t.places[:last]
	t.count(h, -1)
	if h.held == 0 {
		delete(t.byName, h.holderName)
	}
}

// count has h hold one more or one less.
func (t *holders) count(h *holder, by int) {
	ranks := t.ranks[h.class()]
	if h.held > 0 {
		if h.before == nil {
			ranks[h.held] = h.behind
		} else {
			h.before.behind = h.behind
		}
		if h.behind != nil {
			h.behind.before = h.before
		}
	}
	h.held += by
	h.before, h.behind = nil, nil
	if h.held > 0 {
		for len(ranks) <= h.held {
			ranks = append(ranks, nil)
		}
		if h.behind = ranks[h.held]; h.behind != nil {
			h.behind.before = h
		}
		ranks[h.held] = h
	}
	for len(ranks) > 0 && ranks[len(ranks)-1] == nil {
		ranks = ranks[:len(ranks)-1]
	}
	t.ranks[h.class()] = ranks
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
func (t *holders) holdsMost(remote bool) *holder {
	ranks := t.ranks[(&holder{holderName: holderName{remote: remote}}).class()]
	if len(ranks) == 0 {
		return nil
	}
	return ranks[len(ranks)-1]
}

// maxLooks bounds how many values are looked at to find one that gives way.
const maxLooks = 64

// givesWay returns the value of h that was not heard for longest and whose room may be
// displaced, as far as a few looks find it. nil: none was found. The room of the new value, which
// may be nil, does not give way to itself.
func (h *holder) givesWay(room *room, now moment.Time) (candidate *value) {
	for range min(maxLooks, h.held) {
		v := h.oldest
		if v.room != room && h.alone(v.room) {
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

// A search for a value past its life looks at so many at most, and a search that found none
// is followed by another one no earlier than this.
const (
	maxSearch   = 256
	searchPause = time.Millisecond
)

// expired returns a value past its life whose room may be forgotten. It looks at some values and
// goes on with the others the next time, so of many it may find none although there is one.
func (t *table) expired(now moment.Time, ttl time.Duration) *value {
	if now.Steady < t.searchAt {
		return nil
	}
	for range min(maxSearch, len(t.places)) {
		if t.at >= len(t.places) {
			t.at = 0
		}
		v := t.places[t.at]
		if v.room.members == 0 && !v.room.alive(now, ttl) {
			return v
		}
		t.at++
	}
	t.searchAt = now.Steady + searchPause
	return nil
}

// makePlace frees a place for a new value of h and of a room, nil if that is new too. It reports whether one gave way.
func (t *table) makePlace(h *holder, r *room, now moment.Time, ttl time.Duration) bool {
	v := t.expired(now, ttl)
	if others := t.holdsMost(true); v == nil && !h.remote && others != nil {
		v = others.givesWay(r, now)
	}
	if most := t.holdsMost(h.remote); v == nil && most != nil && most.held > h.held+1 {
		v = most.givesWay(r, now)
	}
	if v == nil {
		return false
	}
	t.displace(v, now)
	return true
}
