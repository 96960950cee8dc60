package simtest

import (
	"slices"
	"time"

	"backbone/internal/hub"
)

// store imitates Redis: last prices and publishing, with the semantics of the write
// script of internal/bridge.
type store struct {
	w      *world
	up     bool
	frozen bool
	values map[string]stored
	saved  map[string]stored // what a failover goes back to
	late   []call            // of sessions that were given up, still to be carried out
}

type stored struct {
	event   hub.BroadcastEvent
	expires time.Time
}

func newStore(w *world) *store {
	return &store{w: w, up: true, values: map[string]stored{}, saved: map[string]stored{}}
}

func (s *store) find(room string) (stored, bool) {
	v, ok := s.values[room]
	if !ok || !v.expires.After(s.w.now) {
		return stored{}, false
	}
	return v, true
}

// tolerated is how much longer than offered a value may live in the store.
const tolerated = 100 * time.Millisecond

// write is one call of an instance: each event is compared, stored with what remained of
// its life when the call was made, and published, as one step. The version that is held,
// offered again, takes back what its life has grown. It returns the newest clock that
// refused one.
func (s *store) write(c call) (refused uint64) {
	var out []hub.BroadcastEvent
	for _, e := range c.events {
		if e.Kind.Value() {
			left := min(s.w.ttl-(c.at-e.Born), s.w.ttl)
			ends := s.w.now.Add(max(0, left))
			if held, ok := s.find(e.Room); ok {
				order := e.Version.Compare(held.event.Version)
				if order == 0 && held.expires.Sub(ends) > tolerated {
					s.values[e.Room] = stored{held.event, ends}
				}
				if order < 0 {
					refused = max(refused, held.event.Version.Clock)
				}
				if order <= 0 {
					continue
				}
			}
			if left > 0 {
				s.values[e.Room] = stored{e, ends}
				s.w.prices[number(e.Payload)].late = s.w.now.Sub(c.made)
			} else {
				delete(s.values, e.Room) // it has expired, or is older
			}
		}
		out = append(out, e)
	}
	if len(out) > 0 {
		s.publish(c, out)
	}
	return refused
}

func (s *store) publish(c call, events []hub.BroadcastEvent) {
	for _, to := range s.w.instances {
		if to.origin == c.origin || !to.alive || !to.link.subscribed {
			continue
		}
		to.link.wire = append(to.link.wire, delivery{c.origin, slices.Clone(events), c.at, s.w.now.Add(to.link.slow)})
	}
}

// doubtful is a call whose session was given up: it is never carried out, or at once,
// or after the instance has begun a new session; by a frozen store when that goes on.
func (s *store) doubtful(c call) {
	if !s.up {
		return
	}
	switch k := s.w.rng.IntN(4); {
	case k == 0:
	case s.frozen:
		s.late = append(s.late, c)
	case k == 1:
		s.w.trace("", "i%d: the call in doubt is carried out", c.from.id)
		s.write(c)
	default:
		c.due = s.w.now.Add(time.Duration(s.w.rng.Int64N(int64(3 * time.Second))))
		s.late = append(s.late, c)
	}
}

// catchUp carries out calls of sessions that are gone.
func (s *store) catchUp() {
	if s.frozen {
		return
	}
	s.late = slices.DeleteFunc(s.late, func(c call) bool {
		if c.due.After(s.w.now) {
			return false
		}
		s.w.trace("", "a late call of i%d is carried out", c.from.id)
		s.write(c)
		return true
	})
}

// restart is a server that comes back with nothing, or without its last writes.
func (s *store) restart(empty bool) {
	s.values = map[string]stored{}
	if !empty {
		for room, v := range s.saved {
			s.values[room] = v
		}
	}
	s.frozen, s.late = false, nil
	for _, in := range s.w.instances {
		in.link.fail("the store restarted")
	}
}

// save is what a replica has got.
func (s *store) save() {
	s.saved = map[string]stored{}
	for room, v := range s.values {
		s.saved[room] = v
	}
}
