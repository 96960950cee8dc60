package clienttest

import (
	"time"

	"backbone/protocol"
)

// rate is a member's wish for no more than so many prices a second.
type rate struct {
	every   time.Duration
	next    time.Time                 // when the next price may go
	waits   func(stamped bool) []byte // what goes then; nil: nothing waits
	skipped uint64                    // prices left out since the last
	timer   *time.Timer
}

// setRate notes what a join says of the rate; nil: nothing.
func (s *Server) setRate(c *conn, room string, m *member, perSecond *float64) {
	if perSecond == nil {
		return
	}
	if *perSecond == 0 {
		s.takeTurn(c, room, m)
		m.rate.stop()
		m.rate = nil
		return
	}
	every := time.Duration(float64(time.Second) / *perSecond)
	if r := m.rate; r != nil {
		r.next, r.every = r.next.Add(every-r.every), every
		if r.waits != nil {
			r.timer.Reset(time.Until(r.next))
		}
		return
	}
	m.rate = &rate{every: every}
	m.rate.timer = time.AfterFunc(time.Hour, func() {
		s.step(func() {
			if s.conns[c] && c.rooms[room] == m {
				s.takeTurn(c, room, m)
			}
		})
	})
}

// give sends a member a price, when it is its turn.
func (s *Server) give(c *conn, m *member, price func(stamped bool) []byte) {
	r, now := m.rate, time.Now()
	switch {
	case r == nil:
		c.send(price(m.stamp))
	case r.waits != nil:
		r.waits, r.skipped = price, r.skipped+1
	case now.Before(r.next):
		r.waits = price
		r.timer.Reset(r.next.Sub(now))
	default:
		r.next = now.Add(r.every)
		c.send(price(m.stamp))
	}
}

// takeTurn sends a member what waits.
func (s *Server) takeTurn(c *conn, room string, m *member) {
	r := m.rate
	if r == nil || r.waits == nil {
		return
	}
	if r.skipped > 0 {
		c.send([]byte(protocol.Conflated(room, r.skipped)))
	}
	c.send(r.waits(m.stamp))
	r.waits, r.skipped, r.next = nil, 0, time.Now().Add(r.every)
}

// stop ends the wish, which may be none.
func (r *rate) stop() {
	if r != nil {
		r.timer.Stop()
	}
}
