package redundant

import (
	"slices"
	"time"

	"backbone/client"
)

// patience is how long a line that is ahead of the others waits for them to bring what it lacks,
// from the last price that closed a part of the gap.
const patience = 500 * time.Millisecond

// maxHeld bounds the prices of a room that a line holds back. Patience ends with it.
const maxHeld = 64

// merger decides which prices of the lines are delivered. It is arithmetic: the goroutine that
// runs the Conn calls it.
//
// In each count (epoch) a line brings rising numbers, so a price is delivered by the line that
// brings it first, and only if it is newer than what was delivered of its count. A line that lacks
// prices, because it was conflated or has just joined, is ahead: its prices are held back while
// another line is level, which can bring what is missing.
type merger struct {
	lines   int
	rooms   map[string]*room
	due     time.Time // when late has to be called; zero: nothing is held back
	deliver func(client.Event)
}

func (m *merger) join(name string) {
	if m.rooms[name] == nil {
		m.rooms[name] = &room{lines: make([]line, m.lines), source: -1}
	}
}

func (m *merger) leave(name string) { delete(m.rooms, name) }

// price takes a price that line i brought.
func (m *merger) price(i int, u client.PriceUpdate, now time.Time) {
	r := m.rooms[u.Instrument]
	if r == nil { // left
		return
	}
	if u.Stamp == nil {
		m.plain(r, i, u)
		return
	}
	l := &r.lines[i]
	before := l.last
	l.here, l.last = true, keyOf(&u)
	gap, known := r.gap(&u)
	switch {
	case known && gap < 0: // it was delivered
		l.level = len(l.held) == 0
		if r.shown == before && before != (key{}) && before != l.last {
			// What is shown is older: this line brought it before. That can be only where a room
			// has two counts, whose prices reach the lines in different orders.
			u.Snapshot = true
			r.shown = l.last
			m.deliver(u)
		}
	case (gap > 0 || u.Snapshot && r.epochs.Len() > 0) && (r.levelBut(i) || r.holds()):
		m.hold(r, i, u, now)
		if !r.levelBut(i) { // the others lack something, too, but less perhaps
			m.release(r)
		}
	default:
		m.show(r, i, u)
		m.settle(r, u.Stamp.Epoch, now)
	}
}

// plain takes a price without a stamp. It cannot be compared with those of other lines, so one
// line's are delivered: that of a line that also brings all with stamps, if there is one.
func (m *merger) plain(r *room, i int, u client.PriceUpdate) {
	here, alone := r.lines[i].here, !r.levelBut(i)
	if r.source != i {
		if r.source >= 0 || !here && !alone {
			return
		}
		r.source = i
		if r.begun {
			m.deliver(client.Missed{Room: u.Instrument})
		}
	}
	if !here && alone { // what has a number elsewhere may be among these
		r.epochs.Clear()
		for j := range r.lines {
			r.lines[j].held = nil
		}
	}
	r.begun, r.shown = true, key{}
	m.deliver(u)
}

// hold keeps a price of line i, which is ahead.
func (m *merger) hold(r *room, i int, u client.PriceUpdate, now time.Time) {
	l := &r.lines[i]
	if len(l.held) == 0 {
		l.since = now
		m.dueBy(now.Add(patience))
	}
	l.level, l.held = false, append(l.held, u)
	if len(l.held) > maxHeld {
		m.release(r)
	}
}

func (m *merger) dueBy(t time.Time) {
	if m.due.IsZero() || t.Before(m.due) {
		m.due = t
	}
}

// show delivers a price of line i that is newer than all of its count.
func (m *merger) show(r *room, i int, u client.PriceUpdate) {
	gap, known := r.gap(&u)
	l := &r.lines[i]
	switch {
	case gap > 0:
		m.deliver(client.Missed{Room: u.Instrument, Events: uint64(gap), Exact: true})
	case r.source >= 0 && r.source != i && !r.lines[r.source].here: // it takes the place of a line without stamps
		r.source = -1
		m.deliver(client.Missed{Room: u.Instrument})
	case !known && r.epochs.Len() > 0 && !r.levelBut(i) && !l.level: // nobody was there before it
		m.deliver(client.Missed{Room: u.Instrument})
	}
	seq, _ := r.epochs.Touch(u.Stamp.Epoch)
	*seq = u.Stamp.Seq
	r.begun, r.shown = true, keyOf(&u)
	l.level = l.here && len(l.held) == 0
	m.deliver(u)
}

// settle looks at what is held once a price of a count was delivered: what it stood for is
// dropped, and what has nothing missing before it is delivered.
func (m *merger) settle(r *room, epoch string, now time.Time) {
	for again := true; again; {
		again = false
		for j := range r.lines {
			l := &r.lines[j]
			for k := 0; k < len(l.held); {
				u := l.held[k]
				gap, known := r.gap(&u)
				switch {
				case u.Stamp.Epoch != epoch || gap > 0 || gap == 0 && u.Snapshot || !known:
					k++ // a snapshot gives way to the live price
					continue
				case gap < 0:
					l.held = slices.Delete(l.held, k, k+1)
				default:
					l.held = slices.Delete(l.held, k, k+1)
					m.show(r, j, u)
					again = true
				}
				l.level = l.here && len(l.held) == 0
			}
			if len(l.held) > 0 && l.held[0].Stamp.Epoch == epoch {
				l.since = now
			}
		}
	}
}

// down notes that line i has no connection. What is held is delivered where nobody else can bring
// what is missing.
func (m *merger) down(i int) {
	for _, r := range m.rooms {
		l := &r.lines[i]
		l.here, l.level, l.last = false, false, key{}
		if r.source == i {
			r.source = -1
		}
		if !r.levelBut(-1) {
			m.release(r)
		}
	}
}

// late delivers what was held back for too long.
func (m *merger) late(now time.Time) {
	m.due = time.Time{}
	for _, r := range m.rooms {
		for i := range r.lines {
			l := &r.lines[i]
			if len(l.held) == 0 {
				continue
			}
			if due := l.since.Add(patience); due.After(now) {
				m.dueBy(due)
			} else {
				m.release(r)
			}
		}
	}
}

// release delivers all that is held of a room. The lines that hold nothing had their time.
func (m *merger) release(r *room) {
	for i := range r.lines {
		r.lines[i].level = false
	}
	for {
		line, place, least := -1, 0, 0
		for i := range r.lines {
			for k := range r.lines[i].held {
				if n := r.before(&r.lines[i].held[k]); line < 0 || n < least {
					line, place, least = i, k, n
				}
			}
		}
		if line < 0 {
			return
		}
		l := &r.lines[line]
		u := l.held[place]
		l.held = slices.Delete(l.held, place, place+1)
		if gap, known := r.gap(&u); known && gap < 0 {
			l.level = l.here && len(l.held) == 0
			continue
		}
		m.show(r, line, u)
	}
}
