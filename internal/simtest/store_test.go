package simtest

import (
	"slices"
	"time"

	"backbone/internal/hub"
)

// store imitates Redis: last prices and publishing, with the semantics of the scripts
// of internal/bridge.
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

// write is one call of an instance, as one step: all of it at once where no event of it can be
// refused, otherwise event by event. It returns the newest clock that refused one.
func (s *store) write(c call) (refused uint64) {
	if c.anew && c.does != storeOnly {
		offers := slices.DeleteFunc(slices.Clone(c.events), func(e hub.BroadcastEvent) bool { return e.Kind != hub.Recovered })
		defer s.publish(c, offers)
	}
	if c.does == publishOnly {
		s.publish(c, c.events)
		return 0
	}
	if newest, ok := s.accepts(c); ok {
		for _, e := range newest {
			s.keep(c, e)
		}
		if len(c.events) > 0 && c.does != storeOnly {
			s.publish(c, c.events)
		}
		return 0
	}
	return s.decide(c)
}

// accepts reports whether the first value of each room is newer than the one that is held, and
// the others come in order. It returns the newest of each.
func (s *store) accepts(c call) (newest map[string]hub.BroadcastEvent, ok bool) {
	newest = map[string]hub.BroadcastEvent{}
	for _, e := range c.events {
		if !e.Kind.Value() {
			continue
		}
		if e.Kind != hub.State || s.left(c, e) < time.Millisecond {
			return nil, false
		}
		last, again := newest[e.Room]
		if held, ok := s.find(e.Room); ok && !again && e.Version.Clock <= held.event.Version.Clock ||
			again && e.Version.Compare(last.Version) <= 0 {
			return nil, false
		}
		newest[e.Room] = e
	}
	return newest, true
}

// left is what remained of the life of e when the call was made.
func (s *store) left(c call, e hub.BroadcastEvent) time.Duration {
	return max(0, min(s.w.ttl-(c.at-e.Born), s.w.ttl))
}

func (s *store) keep(c call, e hub.BroadcastEvent) {
	s.values[e.Room] = stored{e, s.w.now.Add(s.left(c, e))}
	s.w.prices[number(e.Payload)].late = s.w.now.Sub(c.made)
}

// decide compares, stores and publishes event by event. The version that is held, offered again,
// takes back what its life has grown.
func (s *store) decide(c call) (refused uint64) {
	var out []hub.BroadcastEvent
	for _, e := range c.events {
		if e.Kind.Value() {
			ends := s.w.now.Add(s.left(c, e))
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
			if s.left(c, e) > 0 {
				s.keep(c, e)
			} else {
				delete(s.values, e.Room) // it has expired, or is older
			}
		}
		out = append(out, e)
	}
	if len(out) > 0 && c.does != storeOnly {
		s.publish(c, out)
	}
	return refused
}

func (s *store) publish(c call, events []hub.BroadcastEvent) {
	for _, to := range s.w.instances {
		if to.origin == c.origin || !to.alive || !to.link.subscribed || to.old && c.form2 {
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
