package hub

import "container/list"

// entry is one thing that a lagging client still has to get: a fixed frame, or the
// newest frame of a slot and how many live events it stands for.
type entry struct {
	slot
	frame   []byte
	state   bool          // the slot's next frame replaces this one
	ends    bool          // the reply to a leave of the room
	live    uint64        // live events in frame: a state frame holds one, or none
	skipped uint64        // live events left out before frame
	next    *list.Element // of a state entry: the next state entry of its room
}

func entryAt(at *list.Element) *entry { return at.Value.(*entry) } //nolint:forcetypeassert // the list holds nothing else

// lagList is what a lagging client still has to get, in order. Its memory is bounded: one
// entry for each slot of a room, and fixed frames up to the limits that Hub.conflate
// checks.
type lagList struct {
	order  list.List                // of *entry
	states map[string]*list.Element // by room, the first of its state entries, which are chained
	fixed  int                      // fixed frames in order
	bytes  int                      // bytes of the fixed frames
}

func newLagList() *lagList { return &lagList{states: map[string]*list.Element{}} }

// add takes a segment. It returns how many live events that left out, and how many it
// dropped because the client left their room.
func (l *lagList) add(s *Segment) (skipped, dropped uint64) {
	if s.ends {
		dropped = l.forget(s.room)
	}
	if !s.state {
		l.order.PushBack(&entry{slot: s.slot, frame: s.Data, live: s.live, ends: s.ends})
		l.fixed++
		l.bytes += len(s.Data)
		return 0, dropped
	}
	e := l.entry(s.slot)
	skipped = e.live + s.live - s.last
	e.skipped += skipped + s.missed
	e.frame, e.live = s.frame(), s.last
	return skipped, 0
}

// join adds the entries of a list of what came later, which is not used any more. It
// returns what add returns.
func (l *lagList) join(later *lagList) (skipped, dropped uint64) {
	for at := later.order.Front(); at != nil; at = at.Next() {
		e := entryAt(at)
		if e.ends {
			dropped += l.forget(e.room)
		}
		if !e.state {
			l.order.PushBack(e)
			l.fixed++
			l.bytes += len(e.frame)
			continue
		}
		mine := l.entry(e.slot)
		skipped += mine.live
		mine.skipped += mine.live + e.skipped
		mine.frame, mine.live = e.frame, e.live
	}
	return skipped, dropped
}

// entry returns the slot's entry, a new one at the end of the list if there is none.
func (l *lagList) entry(s slot) *entry {
	first := l.states[s.room]
	for at := first; at != nil; at = entryAt(at).next {
		if e := entryAt(at); e.typ == s.typ && e.status == s.status {
			return e
		}
	}
	e := &entry{slot: s, state: true, next: first}
	l.states[s.room] = l.order.PushBack(e)
	return e
}

// forget removes the state entries of a room and returns how many live events that drops.
func (l *lagList) forget(room string) (dropped uint64) {
	for at := l.states[room]; at != nil; at = entryAt(at).next {
		dropped += entryAt(at).live
		l.order.Remove(at)
	}
	delete(l.states, room)
	return dropped
}

// take removes entries from the front, as many as fit into limit bytes but at least
// one, and returns their frames. notice appends the frame that tells the count of events
// left out.
func (l *lagList) take(limit int, notice func(dst []byte, room string, skipped uint64) []byte) *Segment {
	s := &Segment{}
	for at := l.order.Front(); at != nil; at = l.order.Front() {
		e, data := entryAt(at), s.Data
		if e.skipped > 0 {
			data = notice(data, e.room, e.skipped)
		}
		data = append(data, e.frame...)
		if len(s.Data) > 0 && len(data) > limit {
			break
		}
		s.Data, s.live = data, s.live+e.live
		l.order.Remove(at)
		if e.state {
			l.unchain(at)
		} else {
			l.fixed--
			l.bytes -= len(e.frame)
		}
	}
	return s
}

// unchain takes a state entry out of those of its room.
func (l *lagList) unchain(at *list.Element) {
	e := entryAt(at)
	first := l.states[e.room]
	switch {
	case first != at:
		before := entryAt(first)
		for before.next != at {
			before = entryAt(before.next)
		}
		before.next = e.next
	case e.next != nil:
		l.states[e.room] = e.next
	default:
		delete(l.states, e.room)
	}
}

// live is the number of live events that would be dropped with the list.
func (l *lagList) live() (n uint64) {
	for at := l.order.Front(); at != nil; at = at.Next() {
		n += entryAt(at).live
	}
	return n
}
