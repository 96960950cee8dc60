package clienttest

import (
	"time"

	"backbone/protocol"
)

// value is the newest price of an instrument.
type value struct {
	event string
	stamp protocol.Stamp
	came  time.Time
}

// snapshot is the message for a new member.
func (v *value) snapshot(stamped bool) []byte {
	event := protocol.MarkSnapshot(v.event)
	if !stamped {
		return []byte(event)
	}
	return protocol.AppendStampedSnapshot(nil, event, v.stamp, time.Since(v.came).Milliseconds())
}

// live is the message for a member.
func (v *value) live(stamped bool) []byte {
	if !stamped {
		return []byte(v.event)
	}
	return protocol.AppendStamped(nil, v.event, v.stamp)
}

// live counts a price and sends it to the room's members.
func (s *Server) live(room, event string) {
	now := time.Now()
	v := &value{event, protocol.Stamp{Epoch: s.epoch, Seq: 1, At: now.UnixMilli()}, now}
	last := s.last[room]
	if last != nil {
		v.stamp.Seq = last.stamp.Seq + 1
	}
	s.last[room] = v
	if !protocol.IsRetired(event) && (last == nil || protocol.IsRetired(last.event)) {
		defer s.follow(room) // who is in the room gets the price itself
	}
	for c := range s.conns {
		m := c.rooms[room]
		if m == nil {
			continue
		}
		s.give(c, m, v.live)
		if m.silent {
			m.silent = false
			c.send([]byte(protocol.FeedStatus(room, false, v.stamp.At)))
			m.timer.Reset(m.silentAfter)
		}
	}
}

// watch tells c when a room that it has joined is silent, if it has asked for that.
func (s *Server) watch(c *conn, room string) {
	m := c.rooms[room]
	if m.silentAfter == 0 {
		return
	}
	m.timer = time.AfterFunc(m.silentAfter, func() { s.step(func() { s.look(c, room, m) }) })
	s.look(c, room, m)
}

// look finds out whether the room is silent, or when to look again.
func (s *Server) look(c *conn, room string, m *member) {
	if !s.conns[c] || c.rooms[room] != m || m.silent {
		return
	}
	since := m.since
	if last := s.last[room]; last != nil {
		since = last.came
	}
	if rest := m.silentAfter - time.Since(since); rest > 0 {
		m.timer.Reset(rest)
		return
	}
	m.silent = true
	c.send([]byte(protocol.FeedStatus(room, true, since.UnixMilli())))
}
