package hub

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"
)

func (m *model) register() {
	if len(m.all) > 12 && !m.draining {
		return
	}
	c := &consumer{Client: newClient(), name: fmt.Sprint("client ", len(m.all)), rooms: map[string]*heard{}, member: map[string]bool{}}
	m.all = append(m.all, c)
	m.h.handle(command{op: opRegister, client: c.Client})
}

// out reports whether the hub lets c take part in nothing any more.
func (m *model) out(c *consumer) bool { return m.draining || c.sent || c.slow || c.gone }

func (m *model) join() {
	c := m.pick(func(c *consumer) bool { return !c.gone && c.joining == nil })
	if c == nil {
		return
	}
	asked := rapid.SliceOfN(rapid.SampledFrom([]string{"A", "B", "C", "D"}), 1, 5).Draw(m.T, "rooms")
	rooms := slices.Compact(slices.Sorted(slices.Values(asked)))
	wants := Wants{Absent: rapid.Bool().Draw(m.T, "absent"), Status: rapid.Bool().Draw(m.T, "status"), Group: m.group(), Stamp: rapid.Bool().Draw(m.T, "stamp")}
	wants.NoStamp = !wants.Stamp && rapid.Bool().Draw(m.T, "no stamp")
	switch rapid.IntRange(0, 9).Draw(m.T, "how many") {
	case 0, 1, 2:
		wants.Every = time.Duration(rapid.SampledFrom([]int{1, 10, 500, 7000}).Draw(m.T, "every")) * time.Millisecond
	case 3:
		wants.NoEvery = true
	case 4:
		wants.Whole = true
	case 5:
		wants.NoWhole = true
	}
	m.n++
	text := fmt.Sprintf("joined %s %d", strings.Join(rooms, ","), m.n)
	if !m.out(c) {
		c.given += m.frameBytes(text)
		c.fixed += m.frameBytes(text)
		for _, room := range rooms {
			if c.member[room] {
				c.heard(room).fixed = append(c.heard(room).fixed, item{payload: text})
			}
		}
		if wants.Status && !c.watches {
			c.watches = true
			if m.bridge != "" {
				c.tell("", m.bridge, m.frameBytes(m.bridge))
			}
		}
	}
	c.joining = &joining{rest: asked, wants: wants, text: text}
	m.enter(c)
}

// enter has the hub see the next rooms of a join.
func (m *model) enter(c *consumer) {
	j := c.joining
	n := min(len(j.rest), m.h.step)
	some := slices.Clone(j.rest[:n])
	rooms := slices.Compact(slices.Sorted(slices.Values(some)))
	if j.rest = j.rest[n:]; len(j.rest) == 0 {
		c.joining = nil
	}
	wants, text, closed := j.wants, j.text, m.out(c) || c.closing
	fresh := m.ask(command{op: opJoin, client: c.Client, rooms: some, wants: wants, reply: line("%s", text), more: c.joining != nil})
	if closed || c.closing && len(fresh) == 0 {
		if len(fresh) > 0 {
			m.Fatalf("%v is closed and joined %v", c, fresh)
		}
		for _, room := range rooms { // it may have been closed when it had what it asked for
			if t := m.h.traffic[room]; t != nil {
				_, c.heard(room).wantStamp = t.wantStamp[c.Client]
			}
		}
		return
	}
	var want []string
	for _, room := range rooms {
		if c.member[room] {
			c.heard(room).wantStamp = wants.Stamp || c.heard(room).wantStamp && !wants.NoStamp
			c.wishes(c.heard(room), wants)
			continue
		}
		want = append(want, room)
		c.member[room] = true
		r := c.heard(room)
		r.stints++
		for _, v := range r.values {
			v.seen = Version{}
		}
		r.wantAbsent, r.wantStatus, r.wantStamp, r.statusDue, r.group = wants.Absent, wants.Status, wants.Stamp, wants.Status, wants.Group
		r.every, r.whole = false, false
		c.wishes(r, wants)
		r.fixed = append(r.fixed, item{payload: text, stint: r.stints, begins: true})
	}
	if !slices.Equal(slices.Sorted(slices.Values(fresh)), want) {
		m.Fatalf("%v joined %v: new are %v, not %v", c, rooms, want, fresh)
	}
}

// wishes notes what a join asks for of the values of a room.
func (c *consumer) wishes(r *heard, wants Wants) {
	switch {
	case wants.Every > 0:
		r.every, r.whole, c.rated = true, false, true
	case wants.Whole:
		r.every, r.whole = false, true
	case wants.NoEvery:
		r.every = false
	case wants.NoWhole:
		r.whole = false
	}
	if r.whole {
		return
	}
	for _, v := range r.values { // what waits may be left out after all
		for i := range v.given[v.got:] {
			v.given[v.got+i].whole = false
		}
	}
}

// goOn has some join go on.
func (m *model) goOn() {
	if c := m.pick(func(c *consumer) bool { return c.joining != nil }); c != nil {
		m.enter(c)
	}
}

// group is that of a status, or of a member that wants it.
func (m *model) group() uint32 {
	return rapid.SampledFrom([]uint32{0, 0, 5000, 6000}).Draw(m.T, "group")
}

func (m *model) leave() {
	c := m.pick(func(c *consumer) bool { return !c.gone && c.joining == nil })
	if c == nil {
		return
	}
	m.route(m.h.routeWaiting) // as the hub does
	room := m.room()
	m.n++
	text := fmt.Sprintf("left %s %d", room, m.n)
	silent := c.closing
	left := m.ask(command{op: opLeave, client: c.Client, rooms: []string{room}, reply: line("%s", text)})
	if (len(left) > 0) != c.member[room] {
		m.Fatalf("%v left %s: member is %t, answer %v", c, room, c.member[room], left)
	}
	if !c.member[room] {
		return
	}
	delete(c.member, room)
	if silent {
		return
	}
	r := c.heard(room)
	notice := 0
	if c.lag != nil {
		all := waiting(c.lag)
		notice = len(all[len(all)-1].segment.Data) - m.frameBytes(text)
	}
	r.fixed = append(r.fixed, item{payload: text, stint: r.stints, ends: true, notice: notice})
	c.given += m.frameBytes(text)
	c.fixed += m.frameBytes(text) + notice
}

func (m *model) unregister() {
	c := m.pick(func(c *consumer) bool { return !c.gone && c.joining == nil && (c.ended || !c.slow) })
	if c == nil {
		return
	}
	for slices.ContainsFunc(m.asked, func(a asked) bool { return a.c == c }) { // they were sent before
		m.serve()
	}
	c.ended, c.gone = true, true
	want := slices.Sorted(maps.Keys(c.member))
	rooms := m.h.unregisterIn(c.Client, func(cmd command) []string {
		some := m.ask(cmd)
		for _, room := range some {
			delete(c.member, room)
		}
		if len(c.member) > 0 { // other things happen in between
			m.publish()
			m.turn()
			m.check()
		}
		return some
	}, noPause)
	if !slices.Equal(slices.Sorted(slices.Values(rooms)), want) {
		m.Fatalf("%v unregistered: it was in %v, not %v", c, want, rooms)
	}
	if len(c.queue) > 0 || c.held.size > 0 || c.lag != nil {
		m.Fatalf("%v is gone and the hub still holds frames for it", c)
	}
}

func (m *model) closeAll() {
	if m.draining || rapid.IntRange(0, 15).Draw(m.T, "close") > 0 {
		return
	}
	m.route(func() { m.h.handle(command{op: opCloseAll}) })
	m.draining = true
	for _, c := range m.all {
		m.joinsNoMore(c)
	}
	if len(m.waiting) > 0 {
		m.Fatalf("%d slices of events still wait after CloseAll", len(m.waiting))
	}
}

// joinsNoMore says that c is told that it joined, and joins no more, since it is closed.
func (m *model) joinsNoMore(c *consumer) {
	if c.joining == nil || c.gone || c.slow || c.sent {
		return
	}
	for _, room := range slices.Compact(slices.Sorted(slices.Values(c.joining.rest))) {
		if !c.member[room] {
			c.heard(room).fixed = append(c.heard(room).fixed, item{payload: c.joining.text})
		}
	}
}

// sendAway closes one client.
func (m *model) sendAway() {
	c := m.pick(func(c *consumer) bool { return !m.out(c) })
	if c == nil || rapid.IntRange(0, 3).Draw(m.T, "send away") > 0 {
		return
	}
	m.route(func() { m.h.handle(command{op: opClose, client: c.Client}) })
	m.joinsNoMore(c)
	c.sent = true
}
