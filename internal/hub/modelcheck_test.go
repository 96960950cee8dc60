package hub

import (
	"slices"
	"time"
)

// check holds the hub's state against the model after a step.
func (m *model) check() {
	for _, c := range m.all {
		signals := 0
		for range len(c.queue) {
			b := <-c.queue
			c.queue <- b
			if b.Signal != NoSignal {
				signals++
			}
			if b.Signal == CloseWhole && !c.slow {
				c.slow = true
				if !c.lagged && !c.rated && c.given <= m.h.opts.QueueBytes {
					m.Fatalf("%v is closed for refusing what would not have happened", c)
				}
			}
			if b.Signal == CloseSlow && !c.slow {
				c.slow = true
				if c.fixed <= m.h.opts.QueueBytes {
					m.Fatalf("%v is closed as slow with %d bytes that can not be left out", c, c.fixed)
				}
			}
		}
		if signals > 1 && !m.draining && !c.sent {
			m.Fatalf("%v has %d signals waiting", c, signals)
		}
		if c.closing && !c.gone && !c.slow && !m.draining && !c.sent {
			m.Fatalf("%v is closed for no reason", c)
		}
	}
	members, lagging, clients := map[string]int{}, 0, 0
	held := m.want.Deliveries
	for _, c := range m.all {
		if !c.gone {
			clients++
		}
		if c.entering != (c.joining != nil && !c.closing) || len(c.Client.rooms) != len(c.member) {
			m.Fatalf("%v is in %d rooms, in the hub in %d, and enters more: %t", c, len(c.member), len(c.Client.rooms), c.entering)
		}
		for room := range c.member {
			members[room]++
			if at, member := m.h.rooms[room][c.Client]; !member || c.Client.rooms[at] != room {
				m.Fatalf("%v is not a member of %s", c, room)
			}
			if !m.out(c) {
				for _, v := range m.h.traffic[room].values {
					has, want := !slices.Contains(v.missing, c.Client), c.heard(room).of(v.typ).seen == v.version
					if has != want {
						m.Fatalf("%v has the newest %s of %s: %t, by the hub %t", c, v.typ, room, want, has)
					}
				}
			}
		}
		if c.lag != nil {
			lagging++
		}
		m.checkClient(c)
		held -= c.got + m.waitingFor(c)
	}
	for room, n := range members {
		if len(m.h.rooms[room]) != n {
			m.Fatalf("%s has %d members, not %d", room, len(m.h.rooms[room]), n)
		}
		t := m.h.traffic[room]
		if stamps := m.wishes(room); len(t.wantStamp) != stamps {
			m.Fatalf("%s has %d members that get stamps, and keeps %d", room, stamps, len(t.wantStamp))
		}
		if len(t.values) > 2 || len(t.wantAbsent) > n || t.active {
			m.Fatalf("%s has %d members and keeps %d types, and %d members", room, n, len(t.values), len(t.wantAbsent))
		}
		m.checkAudience(room, &t.audience)
		m.checkWishes(room, t)
		for _, v := range t.values {
			if len(v.missing) > 2*n+8 {
				m.Fatalf("%s has %d members and keeps %d that miss the %s", room, n, len(v.missing), v.typ)
			}
		}
	}
	s := m.h.stats
	if len(m.h.rooms) != len(members) || len(m.h.traffic) != len(members) || len(m.h.clients) != clients || s.Lagging != lagging {
		m.Fatalf("the hub knows %d rooms, %d clients, %d lagging: there are %d, %d, %d",
			len(m.h.rooms), len(m.h.clients), s.Lagging, len(members), clients, lagging)
	}
	if s.Events != m.want.Events || s.Unheard != m.want.Unheard || s.Deliveries != m.want.Deliveries {
		m.Fatalf("counted %+v, not %+v", s, m.want)
	}
	m.checkDues()
	if held != s.Conflated+s.Throttled+s.Lost+s.Dropped {
		m.Fatalf("of %d deliveries %d are neither received nor waiting: %+v", s.Deliveries, held, s)
	}
	if len(m.h.routed) > 0 || len(m.h.active) > 0 || len(m.h.touched) > 0 || m.h.bytes > 0 {
		m.Fatal("a turn was not flushed")
	}
}

func (m *model) checkClient(c *consumer) {
	limit := m.h.opts.QueueBytes
	flush := max(limit/2, m.size+200) // or a single frame, where the limit is tiny
	switch unsent := c.unsent(); {
	case unsent > limit+flush:
		m.Fatalf("%v has %d bytes unsent, the limit is %d", c, unsent, limit)
	case c.gone || c.slow:
		return
	case c.lag != nil && !c.lagged && !c.rated && c.given <= limit:
		m.Fatalf("%v lags with %d bytes unsent, under the limit of %d", c, c.given, limit)
	case c.lag == nil && !c.lagged && !c.rated && unsent != c.given:
		m.Fatalf("%v has %d bytes unsent and the hub says %d", c, c.given, unsent)
	case c.lag != nil && !c.lag.waits() && !c.sticky:
		m.Fatalf("%v lags with an empty list", c)
	case (c.lag != nil && c.lag.waits() || c.held.size > 0) && !c.signalled && !c.entering:
		m.Fatalf("the hub holds frames for %v and does not call it", c)
	}
	if c.lag == nil {
		return
	}
	c.lagged = true
	fixed, bytes, pulled := 0, 0, 0
	for _, e := range waiting(c.lag) {
		s := e.segment
		if s.pulled {
			pulled++
		} else if s.slot == nil {
			fixed++
			bytes += len(s.Data)
		} else if got := lines(s.Data); len(got) != 1 {
			m.Fatalf("%v: the list keeps %v for %v", c, got, s.slot)
		} else if at := c.lag.find(s.slot); at == nil || at.segment != s {
			m.Fatalf("%v: the list does not find %v", c, got)
		}
	}
	times := 1
	if c.piled {
		times = joinTimes
	}
	if c.lag.fixed != fixed || c.lag.bytes != bytes || (fixed > times*maxFixedFrames || fixed > 1 && bytes > times*limit) && !m.draining {
		m.Fatalf("%v: the list has %d fixed frames with %d bytes, and says %d, %d", c, fixed, bytes, c.lag.fixed, c.lag.bytes)
	}
	n := len(c.lag.at)
	if len(c.lag.entries) > 2*c.lag.count+4*maxFixedFrames || c.lag.head > len(c.lag.entries)/2 {
		m.Fatalf("%v: the list has %d entries, %d of them taken, for %d", c, len(c.lag.entries), c.lag.head, c.lag.count)
	}
	if n > 3*len(c.rooms)+1 || n+fixed+pulled != c.lag.count || pulled > 1 {
		m.Fatalf("%v is in %d rooms, and its list has %d states, %d fixed frames and %d pulled of %d", c, len(c.member), n, fixed, pulled, c.lag.count)
	}
	m.checkMessages(c, &c.lag.messages, limit)
}

// checkMessages: what waits of messages is within its bounds, and the losses that can grow are known.
func (m *model) checkMessages(c *consumer, l *messageList, limit int) {
	count, bytes, losses := 0, 0, map[*traffic]*messageEntry{}
	for _, e := range l.entries {
		if e.segment == nil {
			losses[e.room] = e
			continue
		}
		delete(losses, e.room)
		count += e.left()
		bytes += len(e.segment.Data) - e.segment.messages.from(e.taken)
		if got := len(lines(e.segment.Data)); got != len(e.segment.messages.ends) || e.left() == 0 {
			m.Fatalf("%v: of %d messages %d are left", c, got, e.left())
		}
	}
	if l.count != count || l.bytes != bytes || count > maxMessages || bytes > limit {
		m.Fatalf("%v: %d messages wait, %d bytes; the list says %d and %d", c, count, bytes, l.count, l.bytes)
	}
	for room, e := range l.losses {
		if losses[room] != e {
			m.Fatalf("%v: a loss of %s grows in another place than the end", c, room.room)
		}
	}
	if len(l.entries) > 2*count+len(l.losses)+1 {
		m.Fatalf("%v: %d messages wait in %d entries", c, count, len(l.entries))
	}
}

// waiting are the entries of a lag list that are something, in order.
func waiting(l *lagList) (all []entry) {
	for _, e := range l.entries[l.head:] {
		if e.segment != nil {
			all = append(all, e)
		}
	}
	return all
}

// waitingFor counts the live events in all that the hub or c's queue holds.
func (m *model) waitingFor(c *consumer) (n uint64) {
	count := func(data []byte) {
		for _, p := range lines(data) {
			if p[0] == '0'+byte(State) || p[0] == '0'+byte(Message) {
				n++
			}
		}
	}
	for range len(c.queue) {
		b := <-c.queue
		count(b.Append(nil))
		c.queue <- b
	}
	count(c.held.Append(nil))
	for t := m.h.waiting[c.Client]; t != nil; t = t.behind {
		n += t.live
	}
	if c.lag != nil {
		for _, e := range waiting(c.lag) {
			count(e.segment.Data)
		}
		n += uint64(c.lag.messages.count)
	}
	return n
}

// finish lets everyone read to the end, and sees that nothing is missing.
func (m *model) finish() {
	m.finishing = true
	for _, c := range m.all {
		for c.joining != nil {
			m.enter(c)
			m.check()
		}
	}
	for len(m.waiting) > 0 {
		m.turn()
		m.check()
	}
	for m.now += time.Hour; len(m.h.due) > 0; m.check() {
		m.h.takeDue()
	}
	for busy := true; busy; {
		busy = len(m.asked) > 0
		m.serve()
		m.check()
		for _, c := range m.all {
			busy = m.pump(c) || busy
		}
		m.check()
	}
	for _, c := range m.all {
		if !c.gone && !c.slow {
			if m.draining && !c.ended {
				m.Fatalf("%v never ends", c)
			}
			m.settled(c)
		}
	}
}

// settled holds what a client heard in all against what it was given.
func (m *model) settled(c *consumer) {
	if c.slow {
		return
	}
	if c.unsent() > 0 || c.lag != nil && (!c.sticky || c.lag.waits()) { // the answer to a pull too many is empty
		m.Fatalf("%v is done and the hub holds more for it", c)
	}
	for room, r := range c.rooms {
		if r.gotFixed != len(r.fixed) {
			m.Fatalf("%v never heard %v", c, r.fixed[r.gotFixed:])
		}
		for typ, v := range r.values {
			if v.got != len(v.given) || r.skipped > 0 {
				m.Fatalf("%v has in %s not the newest %s: %v are missing", c, room, typ, v.given[v.got:])
			}
		}
		if r.gotMessages != len(r.messages) {
			m.Fatalf("%v never heard %v, and was not told", c, r.messages[r.gotMessages:])
		}
		if r.gotSt != len(r.status) {
			m.Fatalf("%v has in %q not the newest status: %v are missing", c, room, r.status[r.gotSt:])
		}
	}
}
