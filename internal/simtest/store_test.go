package simtest

import (
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

// write is one call of an instance: each event is compared, stored with what remains of
// its life, and published, as one step. It returns the newest clock that refused one.
func (s *store) write(from *instance, batch []hub.BroadcastEvent) (refused uint64) {
	var out []hub.BroadcastEvent
	now := from.time().UnixNano()
	for _, e := range batch {
		if e.Kind.Value() {
			if held, ok := s.find(e.Room); ok {
				if order := e.Version.Compare(held.event.Version); order <= 0 {
					if order < 0 {
						refused = max(refused, held.event.Version.Clock)
					}
					continue
				}
			}
			if left := s.w.ttl - time.Duration(now-e.Born); left > 0 {
				s.values[e.Room] = stored{e, s.w.now.Add(min(left, s.w.ttl))}
			} else {
				delete(s.values, e.Room) // it has expired, or is older
			}
		}
		out = append(out, e)
	}
	if len(out) > 0 {
		s.publish(from, out, now)
	}
	return refused
}

func (s *store) publish(from *instance, events []hub.BroadcastEvent, now int64) {
	for _, to := range s.w.instances {
		if to == from || !to.alive || !to.link.subscribed {
			continue
		}
		to.link.wire = append(to.link.wire, delivery{from: from.id, events: append([]hub.BroadcastEvent(nil), events...), sent: now})
	}
}

// restart is a server that comes back with nothing, or without its last writes.
func (s *store) restart(empty bool) {
	s.values = map[string]stored{}
	if !empty {
		for room, v := range s.saved {
			s.values[room] = v
		}
	}
	s.frozen = false
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
