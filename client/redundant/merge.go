package redundant

import (
	"slices"
	"time"

	"backbone/client"
)

// patience is how long a line that is ahead of the others waits for them to bring what it lacks.
const patience = 500 * time.Millisecond

// maxEpochs bounds the counts that are remembered for a room: one for each instance with a
// producer of it, and what restarts left.
const maxEpochs = 8

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

type room struct {
	epochs []count
	shown  key // the price that was delivered last
	lines  []line
}

// count is one count of an instance.
type count struct {
	epoch string
	seq   uint64 // highest that was delivered
}

// key names a price of a room. Those without a stamp have the zero key.
type key struct {
	epoch string
	seq   uint64
}

func keyOf(u *client.PriceUpdate) key { return key{u.Stamp.Epoch, u.Stamp.Seq} }

// line is what a line has brought of a room on its connection.
type line struct {
	level bool                // it lacks nothing that was delivered since it came
	last  key                 // the price that it brought last
	held  *client.PriceUpdate // the newest while it is ahead; nil: it is not
	since time.Time           // it has been ahead
}

func (m *merger) join(name string) {
	if m.rooms[name] == nil {
		m.rooms[name] = &room{lines: make([]line, m.lines)}
	}
}

func (m *merger) leave(name string) { delete(m.rooms, name) }

// price takes a price that line i brought.
func (m *merger) price(i int, u client.PriceUpdate, now time.Time) {
	r := m.rooms[u.Instrument]
	if r == nil || u.Stamp == nil { // left, or of a server that does not know stamps
		return
	}
	l := &r.lines[i]
	before := l.last
	l.last = keyOf(&u)
	gap, known := r.gap(&u)
	switch {
	case known && gap < 0: // it was delivered
		l.level, l.held = true, nil
		if r.shown == before && r.shown != l.last {
			// What is shown is older: this line brought it before. That can be only where a room
			// has two counts, whose prices reach the lines in different orders.
			u.Snapshot = true
			r.shown = l.last
			m.deliver(u)
		}
	case (gap > 0 || u.Snapshot && len(r.epochs) > 0) && r.levelBut(i):
		if l.held == nil {
			l.since = now
			if m.due.IsZero() {
				m.due = now.Add(patience)
			}
		}
		l.level, l.held = false, &u
	default:
		m.show(r, i, u)
	}
}

// gap is how many prices of the count are missing before u; -1: u was delivered. It is not known
// for a count that is new.
func (r *room) gap(u *client.PriceUpdate) (n int, known bool) {
	for _, c := range r.epochs {
		if c.epoch == u.Stamp.Epoch {
			if u.Stamp.Seq <= c.seq {
				return -1, true
			}
			return int(u.Stamp.Seq - c.seq - 1), true
		}
	}
	return 0, false
}

// levelBut reports whether another line than i is level.
func (r *room) levelBut(i int) bool {
	for j := range r.lines {
		if j != i && r.lines[j].level {
			return true
		}
	}
	return false
}

// show delivers a price of line i that is newer than all of its count.
func (m *merger) show(r *room, i int, u client.PriceUpdate) {
	gap, known := r.gap(&u)
	switch {
	case gap > 0:
		m.deliver(client.Missed{Room: u.Instrument, Events: uint64(gap), Exact: true})
	case !known && len(r.epochs) > 0 && !r.levelBut(i) && !r.lines[i].level: // nobody was there before it
		m.deliver(client.Missed{Room: u.Instrument})
	}
	r.note(&u)
	r.shown = keyOf(&u)
	r.lines[i].level, r.lines[i].held = true, nil
	m.deliver(u)
}

func (r *room) note(u *client.PriceUpdate) {
	i := slices.IndexFunc(r.epochs, func(c count) bool { return c.epoch == u.Stamp.Epoch })
	if i < 0 {
		if len(r.epochs) == maxEpochs {
			r.epochs = slices.Delete(r.epochs, 0, 1)
		}
		r.epochs = append(r.epochs, count{epoch: u.Stamp.Epoch})
		i = len(r.epochs) - 1
	}
	r.epochs[i].seq = u.Stamp.Seq
}

// down notes that line i has no connection: what the others hold is delivered where nobody else
// can bring what is missing.
func (m *merger) down(i int) {
	for _, r := range m.rooms {
		r.lines[i] = line{}
		for j := range r.lines {
			if r.lines[j].held != nil && !r.levelBut(j) {
				m.release(r, j)
			}
		}
	}
}

// late delivers what was held back for too long.
func (m *merger) late(now time.Time) {
	m.due = time.Time{}
	for _, r := range m.rooms {
		for i := range r.lines {
			l := &r.lines[i]
			if l.held == nil {
				continue
			}
			if due := l.since.Add(patience); due.After(now) {
				if m.due.IsZero() || due.Before(m.due) {
					m.due = due
				}
				continue
			}
			if gap, known := r.gap(l.held); !known || gap >= 0 {
				for j := range r.lines {
					if j != i { // they had their time
						r.lines[j].level = false
					}
				}
			}
			m.release(r, i)
		}
	}
}

// release delivers what line i holds, unless another line has brought it.
func (m *merger) release(r *room, i int) {
	l := &r.lines[i]
	u := *l.held
	l.held = nil
	if gap, known := r.gap(&u); known && gap < 0 {
		l.level = true
		return
	}
	m.show(r, i, u)
}
