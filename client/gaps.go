package client

import "backbone/internal/epochs"

// roomCounts is what the stamps of a room's prices said. The reader owns it; between two
// connections run.
type roomCounts struct {
	epochs  epochs.List[epochCount]
	away    bool   // no price has come since the connection was lost
	skipped uint64 // events that were left out since then, and are in no gap so far
}

// epochCount is one count of an instance.
type epochCount struct {
	seq  uint64 // highest that came
	away bool   // no live price has come since the connection was lost
}

// epoch returns the text of an epoch, without an allocation if it came before.
func (c *roomCounts) epoch(b []byte) string {
	if c == nil {
		return string(b)
	}
	return c.epochs.Name(b)
}

// lost notes that the connection was lost.
func (r *joinedRooms) lost() {
	for room := range r.names {
		if opt, _ := r.options.Load(room); opt.(JoinOptions).Stamp && r.counts[room] == nil {
			r.counts[room] = &roomCounts{}
		}
	}
	for _, c := range r.counts {
		c.away, c.skipped = true, 0
		c.epochs.All(func(e *epochCount) { e.away = true })
	}
}

// left notes that live events of a room were left out.
func (r *joinedRooms) left(room string, skipped uint64) {
	if c := r.counts[room]; c != nil {
		c.skipped += skipped
	}
}

// missed notes a price. It reports whether events were missed before it.
func (r *joinedRooms) missed(u *PriceUpdate) (m Missed, told bool) {
	room, s := u.Instrument, u.Stamp
	c := r.counts[room]
	if c == nil {
		if _, joined := r.names[room]; s == nil || !joined {
			return Missed{}, false
		}
		c = &roomCounts{}
		r.counts[room] = c
	}
	first := c.away
	c.away = false
	if s == nil { // what it is in its count is not known, nor what comes between it and others
		c.epochs.Clear()
		return Missed{Room: room}, first
	}
	e, known := c.epochs.Touch(s.Epoch)
	if !known {
		*e = epochCount{seq: s.Seq, away: first && u.Snapshot}
		return Missed{Room: room}, first
	}
	before, away := e.seq, e.away
	e.seq, e.away = max(before, s.Seq), away && u.Snapshot
	if !away || s.Seq <= before+1 {
		return Missed{}, false
	}
	gap := s.Seq - before - 1
	left := min(gap, c.skipped)
	m = Missed{Room: room, Events: gap - left, Exact: c.epochs.Len() == 1 || c.skipped == 0}
	if c.epochs.Len() == 1 { // else it may be in the gap of another count
		c.skipped -= left
	}
	return m, m.Events > 0 || !m.Exact
}
