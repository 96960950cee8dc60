package hub

import "slices"

// A client can be in thousands of rooms. Commands are for so few of them that the hub can route
// events in between, so whoever sends them sends several. Each waits for the one before, so the
// clients that join together take turns.

// joinIn has do carry out a join, a few rooms at a time. It returns the rooms that are new. A client whose
// join is broken off is entering for the rest of its life.
func (h *Hub) joinIn(cmd command, do func(command) []string, pause func() bool) []string {
	rooms := cmd.rooms
	joined := rooms[:0]
	for {
		n := min(len(rooms), h.step)
		cmd.rooms, rooms = rooms[:n:n], rooms[n:]
		cmd.more = len(rooms) > 0
		joined = append(joined, do(cmd)...)
		if !cmd.more || !pause() {
			return joined
		}
	}
}

// unregisterIn has do unregister c, a few rooms at a time. It returns all of its rooms.
func (h *Hub) unregisterIn(c *Client, do func(command) []string, pause func()) (all []string) {
	for {
		some := do(command{op: opUnregister, client: c})
		all = append(all, some...)
		if len(some) < h.step {
			return all
		}
		pause()
	}
}

func (h *Hub) join(c *Client, cmd command) []string {
	if c.closing {
		return nil
	}
	if !c.entering {
		c.entering = cmd.more
		h.sendNow(c, &Segment{Data: cmd.reply})
		if c.closing {
			return nil // that was one frame too many
		}
	}
	joined := cmd.rooms[:0]
	for _, room := range cmd.rooms {
		if h.in(c, room) {
			h.wish(h.traffic[room], c, cmd.wants)
			continue
		}
		joined = append(joined, room)
		members, t := h.rooms[room], h.traffic[room]
		if members == nil {
			members, t = map[*Client]int32{}, &traffic{room: room}
			h.rooms[room], h.traffic[room] = members, t
		}
		members[c] = int32(len(c.rooms))
		c.rooms = append(c.rooms, t.room) // the text is there once for all members
		t.lacks(c, members)
		if cmd.wants.Absent {
			t.wantAbsent = append(t.wantAbsent, c)
		}
		h.wish(t, c, cmd.wants)
		if cmd.wants.Status {
			t.audience.add(c, cmd.wants.Group)
		}
	}
	if cmd.wants.Status {
		h.watch(c)
	}
	if !cmd.more {
		c.entering = false
	}
	h.deliver(c)
	return joined
}

// wish notes how c wants the values of a room. That is all that a second join changes.
func (h *Hub) wish(t *traffic, c *Client, wants Wants) {
	switch {
	case wants.Stamp:
		t.stamp(c)
	case wants.NoStamp:
		delete(t.wantStamp, c)
	}
	switch {
	case wants.Every > 0:
		h.setThrottle(t, c, wants.Every)
		h.endWhole(t, c)
	case wants.Whole:
		h.keepWhole(t, c)
		h.endThrottle(t, c)
	default:
		if wants.NoEvery {
			h.endThrottle(t, c)
		}
		if wants.NoWhole {
			h.endWhole(t, c)
		}
	}
}

// stamp has c get values in their stamped form.
func (t *traffic) stamp(c *Client) {
	if t.wantStamp == nil {
		t.wantStamp = map[*Client]struct{}{}
	}
	t.wantStamp[c] = struct{}{}
}

// watch has c told the bridge's status, now and when it changes.
func (h *Hub) watch(c *Client) {
	if _, already := h.watchers[c]; already {
		return
	}
	h.watchers[c] = struct{}{}
	if h.bridgeStatus != nil {
		h.sendNow(c, h.bridgeStatus)
	}
}

func (h *Hub) leave(c *Client, cmd command) []string {
	left := h.among(c, cmd.rooms)
	ends := make([]*traffic, len(left))
	for i, room := range left {
		ends[i] = h.traffic[room]
		h.remove(c, room)
	}
	if len(left) > 0 && !c.closing { // or it gets no further frames, and keeps what is held for it
		h.sendNow(c, &Segment{Data: cmd.reply, ends: ends})
	}
	return left
}

// unregister takes c out of the last few of its rooms and returns those. After the first time c
// gets nothing more.
func (h *Hub) unregister(c *Client) []string {
	c.closing, c.entering = true, false
	h.drop(c)
	delete(h.clients, c)
	delete(h.watchers, c)
	some := slices.Clone(c.rooms[max(0, len(c.rooms)-h.step):])
	for _, room := range slices.Backward(some) {
		h.remove(c, room)
	}
	return some
}

// remove takes c out of a room that it is in.
func (h *Hub) remove(c *Client, room string) {
	members, t := h.rooms[room], h.traffic[room]
	at, last := members[c], len(c.rooms)-1
	if moved := c.rooms[last]; moved != room {
		c.rooms[at] = moved
		h.rooms[moved][c] = at
	}
	c.rooms[last] = ""
	c.rooms = c.rooms[:last]
	delete(members, c)
	h.leaveThrottle(t, c)
	h.endWhole(t, c)
	if len(members) == 0 {
		delete(h.rooms, room)
		delete(h.traffic, room)
		return
	}
	t.weed(members)
	t.wantAbsent = without(t.wantAbsent, c)
	t.audience.remove(c)
	delete(t.wantStamp, c)
}

// sendNow gives c one frame outside of a flush.
func (h *Hub) sendNow(c *Client, s *Segment) {
	c.held.add(s, 0)
	h.deliver(c)
}

// among keeps those of rooms, in place, that c is in.
func (h *Hub) among(c *Client, rooms []string) []string {
	return slices.DeleteFunc(rooms, func(room string) bool { return !h.in(c, room) })
}

func (h *Hub) in(c *Client, room string) bool {
	_, member := h.rooms[room][c]
	return member
}

// without removes an element from a list that holds it at most once.
func without[T comparable](list []T, element T) []T {
	if i := slices.Index(list, element); i >= 0 {
		return slices.Delete(list, i, i+1)
	}
	return list
}
