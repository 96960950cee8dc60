package hub

import (
	"slices"
)

// wishes counts the members of a room that get stamps.
func (m *model) wishes(room string) (n int) {
	for _, c := range m.all {
		if c.member[room] && c.heard(room).wantStamp {
			n++
		}
	}
	return n
}

// checkWishes: the hub knows who wants no more than so many values, and who wants all.
func (m *model) checkWishes(room string, t *traffic) {
	rated, whole := 0, 0
	for _, c := range m.all {
		r := c.heard(room)
		if !c.member[room] || m.out(c) || c.closing {
			continue
		}
		if _, all := t.whole[c.Client]; all != r.whole || (t.throttles[c.Client] != nil) != r.every {
			m.Fatalf("%v wants all of %s: %t, and some of it: %t; by the hub %t and %v", c, room, r.whole, r.every, all, t.throttles[c.Client])
		}
		if r.every {
			rated++
		}
		if r.whole {
			whole++
		}
	}
	if m.draining || slices.ContainsFunc(m.all, func(c *consumer) bool { return c.member[room] && (m.out(c) || c.closing) }) {
		return
	}
	if len(t.throttles) != rated || len(t.whole) != whole {
		m.Fatalf("in %s %d want some and %d all; by the hub %d and %d", room, rated, whole, len(t.throttles), len(t.whole))
	}
}

// checkDues: whoever waits for a turn is in the heap, in its place, and gets something then.
func (m *model) checkDues() {
	waiting := 0
	for _, c := range m.all {
		mine := 0
		for t := m.h.waiting[c.Client]; t != nil; t = t.behind {
			if mine++; t.client != c.Client || t.behind != nil && t.behind.before != t {
				m.Fatalf("%v waits for %+v", c, t)
			}
		}
		waiting += mine
		whole := 0
		for room := range c.member {
			if _, all := m.h.traffic[room].whole[c.Client]; all {
				whole++
			}
		}
		if m.h.whole[c.Client] != whole || c.closing && mine > 0 {
			m.Fatalf("%v wants all of %d rooms, by the hub of %d, and waits for %d turns", c, whole, m.h.whole[c.Client], mine)
		}
	}
	for i, t := range m.h.due {
		if t.before == nil && m.h.waiting[t.client] != t || t.waits != i || t.given == nil || i > 0 && m.h.due[(i-1)/2].at > t.at {
			m.Fatalf("at %d waits %+v", i, t)
		}
	}
	if len(m.h.due) != waiting {
		m.Fatalf("%d wait for a turn, in the heap are %d", waiting, len(m.h.due))
	}
}

// checkAudience: each member that wants the room's status is in its group, and nobody else.
func (m *model) checkAudience(room string, a *audience) {
	in, others := 0, 0
	for i := range a.groups {
		g := &a.groups[i]
		if len(g.members) == 0 || len(g.due) > len(g.members) || i > 0 && a.groups[i-1].number >= g.number {
			m.Fatalf("%s keeps group %d of %d members, %d not told, at %d", room, g.number, len(g.members), len(g.due), i)
		}
		in += len(g.members)
		if g.number != 0 {
			others += len(g.members)
		}
	}
	want := 0
	for _, c := range m.all {
		r := c.heard(room)
		if !c.member[room] || !r.wantStatus {
			continue
		}
		want++
		if _, g := a.find(r.group); g == nil {
			m.Fatalf("%v is not in group %d of %s", c, r.group, room)
		} else if _, ok := g.members[c.Client]; !ok {
			m.Fatalf("%v is not a member of group %d of %s", c, r.group, room)
		}
	}
	if in != want || len(a.of) != others {
		m.Fatalf("%s has groups of %d members, %d of them not in group 0, and knows the group of %d; %d want its status", room, in, others, len(a.of), want)
	}
}
