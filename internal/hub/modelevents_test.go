package hub

import (
	"fmt"
	"slices"
	"strings"

	"pgregory.net/rapid"
)

// publish puts events of all kinds where the hub takes them from.
func (m *model) publish() {
	if len(m.waiting) == eventPlaces {
		return
	}
	kinds := rapid.SampledFrom([]Kind{State, State, State, State, State, Message, Message, Lost, Warm, Warm, Recovered, Absent, Absent, Status, StatusNow})
	events := make([]BroadcastEvent, rapid.SampledFrom([]int{1, 1, 2, 5, 20}).Draw(m.T, "events"))
	for i := range events {
		e := &events[i]
		e.Room, e.Kind = m.room(), kinds.Draw(m.T, "kind")
		if e.Kind == Status && rapid.IntRange(0, 3).Draw(m.T, "bridge") == 0 {
			e.Room = ""
		}
		if e.Kind.Value() && rapid.IntRange(0, 9).Draw(m.T, "lossy") == 0 {
			e.Missed = uint32(rapid.IntRange(1, 5).Draw(m.T, "missed"))
		}
		if e.Kind == Lost {
			e.Missed = uint32(rapid.IntRange(1, 5).Draw(m.T, "lost"))
		}
		if e.Kind == Status || e.Kind == StatusNow {
			e.Group = m.group()
		}
		m.n++
		e.Type = rapid.SampledFrom([]string{"price", "book"}).Draw(m.T, "type")
		e.Version = m.version(e)
		e.Payload = fmt.Sprintf("%d %s %s %d ", e.Kind, e.Room, e.Type, m.n) + strings.Repeat(".", rapid.IntRange(0, m.size).Draw(m.T, "size"))
		if e.Kind == Warm {
			e.Payload = m.snapshot(e)
		}
	}
	m.waiting = append(m.waiting, slices.Clone(events))
	m.h.events <- events
}

// snapshot is the payload of the snapshot of a version, which is always the same.
func (m *model) snapshot(e *BroadcastEvent) string {
	key := e.Room + " " + e.Type + " " + e.Version.String()
	if m.snapshots[key] == "" {
		m.snapshots[key] = e.Payload
	}
	return m.snapshots[key]
}

// version is the event's: a newer one than all of its room and type, except that a
// snapshot mostly is of the value that was passed on last.
func (m *model) version(e *BroadcastEvent) Version {
	key := e.Room + " " + e.Type
	switch {
	case e.Kind == Warm && m.newest[key] != Version{} && rapid.IntRange(0, 3).Draw(m.T, "unseen") > 0:
	case e.Kind == Warm, e.Kind.Value():
		m.newest[key] = Version{Clock: uint64(m.n), Instance: "me"}
	default:
		return Version{}
	}
	return m.newest[key]
}

// turn has the hub take events as Run does.
func (m *model) turn() {
	if len(m.waiting) == 0 {
		return
	}
	m.route(func() { m.h.turn(<-m.h.events) })
}

// burst publishes and routes without a break.
func (m *model) burst() {
	for range rapid.IntRange(2, 12).Draw(m.T, "bursts") {
		m.publish()
		m.turn()
		m.check()
	}
}

// route does what makes the hub take events, and gives the model those that it took.
func (m *model) route(do func()) {
	do()
	n := len(m.waiting) - len(m.h.events)
	for _, events := range m.waiting[:n] {
		for _, e := range events {
			m.fanOut(&e)
		}
	}
	m.waiting = m.waiting[n:]
}

func (m *model) fanOut(e *BroadcastEvent) {
	if e.Kind == Status && e.Room == "" {
		m.bridge = e.Payload
		for _, c := range m.all {
			if c.watches && !m.out(c) {
				c.tell("", e.Payload, m.frameBytes(e.Payload))
			}
		}
		return
	}
	members := uint64(0)
	for _, c := range m.all {
		if !c.member[e.Room] {
			continue
		}
		members++ // also one that is closed: what it does not get is dropped
		if m.out(c) {
			continue
		}
		r := c.heard(e.Room)
		it := item{payload: e.Payload, stint: r.stints, missed: uint64(e.Missed), whole: r.whole}
		if r.wantStamp && (e.Kind.Value() || e.Kind == Warm) {
			it.payload = stamped(e.Payload)
		}
		size := m.frameBytes(it.payload)
		if e.Kind.Live() {
			it.live = 1
		}
		switch e.Kind {
		case State, Recovered, Warm:
			r.wantAbsent = false
			v := r.of(e.Type)
			if v.seen == e.Version {
				continue
			}
			v.seen = e.Version
			v.given = append(v.given, it)
			if e.Missed > 0 {
				c.given += m.frameBytes(fmt.Sprintf("conflated %s %d", e.Room, e.Missed))
			}
		case Message:
			r.messages = append(r.messages, it)
		case Lost:
			it.payload = ""
			r.messages = append(r.messages, it)
			size = m.frameBytes(fmt.Sprintf("lost %s %d", e.Room, e.Missed))
		case Absent:
			if !r.wantAbsent {
				continue
			}
			r.wantAbsent = false
			r.fixed = append(r.fixed, it)
			c.fixed += size
		case Status, StatusNow:
			if !r.wantStatus || r.group != e.Group {
				continue
			}
			told := e.Kind == Status || r.statusDue
			r.statusDue = false
			if told {
				c.tell(e.Room, e.Payload, size)
			}
			continue
		}
		c.given += size
	}
	if e.Kind.Live() {
		m.want.Events++
		m.want.Deliveries += members
		if members == 0 {
			m.want.Unheard++
		}
	}
}

func (c *consumer) tell(room, payload string, size int) {
	r := c.heard(room)
	r.status = append(r.status, item{payload: payload, stint: r.stints})
	c.given += size
}
