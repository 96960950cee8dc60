package simtest

import (
	"testing"
	"time"
)

// longestTurn is how long a consumer waits at most for the newest value, and for the tick behind it.
const longestTurn = 2*time.Second + 40*time.Millisecond

// wish has a new consumer want no more than so many values, or each, or as most do: newest ones when it is
// behind.
func (c *consumer) wish() {
	if c.in.w.wishes == nil {
		return
	}
	c.wants.Every, c.wants.NoEvery, c.wants.Whole, c.wants.NoWhole = 0, false, false, false
	switch c.in.w.wishes.IntN(6) {
	case 0:
		c.wants.Whole, c.refuses = true, true
	case 1, 2, 3:
		c.wants.Every = []time.Duration{5 * time.Millisecond, 100 * time.Millisecond, 300 * time.Millisecond, 2 * time.Second}[c.in.w.wishes.IntN(4)]
	default:
		c.wants.NoEvery, c.wants.NoWhole = true, true
	}
}

// wishAgain has a consumer change its mind now and then, for all of its rooms.
func (c *consumer) wishAgain() {
	w := c.in.w
	if w.wishes == nil || w.wishes.IntN(100) > 0 || c.closed || len(c.rest) > 0 {
		return
	}
	before := c.wants
	c.wish()
	c.wants.Stamp = before.Stamp
	var rooms []string
	var reply []byte
	for _, room := range w.rooms {
		if m := c.rooms[room]; m != nil && !m.leaving {
			rooms, reply = append(rooms, room), frame(reply, "joined "+room)
			m.all = c.wants.Whole
			m.changes++
		}
	}
	if len(rooms) == 0 {
		return
	}
	if joined := c.in.hub.JoinPart(c.client, rooms, c.wants, reply, false); len(joined) > 0 {
		w.problem("%s changed its mind and joined %v", c.name, joined)
	}
	w.trace("", "%s wants %+v", c.name, c.wants)
}

// whole checks that a consumer that refuses conflation gets each live price of its instance.
func (c *consumer) whole(m *membership, n int, p *price) {
	if !m.all || m.changes > 0 || p.origin != c.in.origin {
		return
	}
	if m.order > 0 && p.order != m.order+1 {
		c.in.w.problem("%s refuses conflation and heard %d of %s, the %dth, after the %dth", c.name, n, p.room, p.order, m.order)
	}
	m.order = p.order
}

// In some of the runs values are left out because of what consumers want, and some are closed for it.
func TestWishesMatter(t *testing.T) {
	var left uint64
	closed := 0
	for seed := range uint64(20) {
		w := newWorld(seed)
		w.run()
		closed += w.refused
		for _, in := range w.instances {
			left += in.hub.Stats().Throttled
		}
	}
	if left == 0 || closed == 0 {
		t.Errorf("%d values were left out and %d consumers closed", left, closed)
	}
}
