package hub

import (
	"pgregory.net/rapid"
)

// pump is one turn of a WritePump. It reports false if there is nothing to do.
func (m *model) pump(c *consumer) bool {
	if c.ended || c.folding {
		return false
	}
	if len(c.queue) == 0 && !c.pulled {
		switch {
		case c.behind, c.drain && !c.dry:
			c.behind, c.pulled = false, true
			m.asked = append(m.asked, asked{c: c, want: Want{
				Limit: rapid.SampledFrom([]int{0, 1, 100, 1000}).Draw(m.T, "limit"),
				Slow:  !m.finishing && rapid.Bool().Draw(m.T, "slow"),

				Longest: rapid.SampledFrom([]int{0, 30, 100}).Draw(m.T, "longest"),
			}})
			return true
		case c.drain:
			c.ended = true
			m.settled(c)
			return true
		}
	}
	if len(c.queue) == 0 {
		return false
	}
	b := <-c.queue
	switch b.Signal {
	case NoSignal:
		c.behind, c.pulled, c.dry = c.behind || b.More, false, b.Len() == 0
		data := b.Append(nil)
		if one, single := b.Single(); b.Len() != len(data) || single && string(one) != string(data) {
			m.Fatalf("a batch says it has %d bytes and has %d", b.Len(), len(data))
		}
		if !c.lagged {
			c.given -= b.Len()
		}
		for _, p := range lines(data) {
			m.receive(c, p)
		}
	case Behind:
		c.behind, c.pulled = true, false
	case CloseDrain:
		if !m.draining && !c.sent {
			m.Fatalf("%v is told to drain, and nobody asked for that", c)
		}
		c.drain = true
	case CloseSlow, CloseWhole:
		c.ended = true
	}
	return true
}

func (m *model) write() {
	c := m.pick(func(c *consumer) bool { return !c.ended })
	if c == nil {
		return
	}
	for range rapid.IntRange(1, 12).Draw(m.T, "turns") {
		m.pump(c)
	}
}

// conflate has a consumer's WritePump find its reader slow.
func (m *model) conflate() {
	c := m.pick(func(c *consumer) bool { return !c.ended && !c.pulled && !c.folding })
	if c != nil {
		c.folding = true
		m.asked = append(m.asked, asked{c: c, conflate: true})
	}
}

// serve has the hub see the oldest pull or conflation.
func (m *model) serve() {
	if len(m.asked) == 0 {
		return
	}
	a := m.asked[0]
	c := a.c
	m.asked = m.asked[1:]
	if a.conflate {
		done := make(chan struct{})
		c.lagged, c.folding, c.behind, c.dry = true, false, false, false
		m.h.handle(command{op: opConflate, client: c.Client, done: done})
		<-done
		return
	}
	most := a.want.Limit
	if c.lag != nil && c.lag.count > 0 {
		most = max(most, len(waiting(c.lag)[0].segment.Data)+m.frameBytes("conflated A 1234567"))
	} else if c.lag != nil && c.lag.messages.waits() {
		most = max(most, m.size+m.frameBytes("5 A price 1234567 "))
		if a.want.Slow && a.want.Longest > 0 {
			most = max(a.want.Limit, min(most, max(a.want.Longest, m.frameBytes("lost A 1234567"))))
		}
	}
	lagged := c.lag != nil && len(c.queue) == 0
	m.h.handle(command{op: opPull, client: c.Client, want: a.want})
	if len(c.queue) == 0 {
		m.Fatalf("%v pulled and is neither given a batch nor called again", c)
	}
	for range len(c.queue) {
		b := <-c.queue
		c.queue <- b
		if lagged && a.want.Limit > 0 && b.Len() > most {
			m.Fatalf("%v pulled %d bytes and is given %d", c, a.want.Limit, b.Len())
		}
	}
}
