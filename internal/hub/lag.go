package hub

import "container/list"

// entry is one thing that a lagging client still has to hear: a fixed frame, or the
// newest frame of a room and how many live events it stands for.
type entry struct {
	key     string
	frame   []byte
	state   bool   // replaced in place by the next frame of its key
	live    uint64 // live events in frame: a state frame holds one, or none
	skipped uint64 // live events left out before frame
}

// lagList is what a lagging client has coming, in order. Its memory is bounded: one
// entry for each room and its status, and fixed frames up to the limits that Hub.fold checks.
type lagList struct {
	order  list.List // of *entry
	states map[string]*list.Element
	fixed  int // fixed frames in order
	bytes  int // of the fixed frames
}

func newLagList() *lagList { return &lagList{states: map[string]*list.Element{}} }

// add takes a segment in and returns how many live events that left out, and how many
// were dropped since the client left their room.
func (l *lagList) add(s *Segment) (skipped, dropped uint64) {
	if s.ends {
		dropped = l.forget(s.key)
		l.forget(statusKey(s.key))
	}
	if !s.state {
		l.order.PushBack(&entry{key: s.key, frame: s.Data, live: s.live})
		l.fixed++
		l.bytes += len(s.Data)
		return 0, dropped
	}
	at, ok := l.states[s.key]
	if !ok {
		at = l.order.PushBack(&entry{key: s.key, state: true})
		l.states[s.key] = at
	}
	e := at.Value.(*entry)
	skipped = e.live + s.live - s.last
	e.skipped += skipped + s.missed
	e.frame, e.live = s.frame(), s.last
	return skipped, 0
}

// forget removes what is to be told under key and returns how many live events that
// drops.
func (l *lagList) forget(key string) (dropped uint64) {
	at, ok := l.states[key]
	if !ok {
		return 0
	}
	l.order.Remove(at)
	delete(l.states, key)
	return at.Value.(*entry).live
}

// take removes entries from the front, as many as fit into limit bytes but at least
// one, and returns their frames; notice frames the count of what was left out.
func (l *lagList) take(limit int, notice func(dst []byte, room string, skipped uint64) []byte) *Segment {
	s := &Segment{}
	for at := l.order.Front(); at != nil; at = l.order.Front() {
		e, data := at.Value.(*entry), s.Data
		if e.skipped > 0 {
			data = notice(data, e.key, e.skipped) // only a room's values are counted
		}
		data = append(data, e.frame...)
		if len(s.Data) > 0 && len(data) > limit {
			break
		}
		s.Data, s.live = data, s.live+e.live
		l.order.Remove(at)
		if e.state {
			delete(l.states, e.key)
		} else {
			l.fixed--
			l.bytes -= len(e.frame)
		}
	}
	return s
}

// live is the number of live events that would be dropped with the list.
func (l *lagList) live() (n uint64) {
	for at := l.order.Front(); at != nil; at = at.Next() {
		n += at.Value.(*entry).live
	}
	return n
}
