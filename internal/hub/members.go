package hub

import "slices"

func (h *Hub) join(c *Client, cmd command) []string {
	if c.closing {
		return nil
	}
	h.sendNow(c, &Segment{Data: cmd.reply})
	if c.closing {
		return nil // that was one frame too many
	}
	joined := cmd.rooms[:0]
	for _, room := range cmd.rooms {
		if h.in(c, room) {
			continue
		}
		joined = append(joined, room)
		c.rooms = append(c.rooms, room)
		members, t := h.rooms[room], h.traffic[room]
		if members == nil {
			members, t = map[*Client]bool{}, &traffic{room: room}
			h.rooms[room], h.traffic[room] = members, t
		}
		members[c] = true
		t.lacks(c, members)
		if cmd.wants.Absent {
			t.wantAbsent = append(t.wantAbsent, c)
		}
		if cmd.wants.Stamp {
			if t.wantStamp == nil {
				t.wantStamp = map[*Client]struct{}{}
			}
			t.wantStamp[c] = struct{}{}
		}
		if cmd.wants.Status {
			t.audience.add(c, cmd.wants.Group)
		}
	}
	if cmd.wants.Status {
		h.watch(c)
	}
	return joined
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
	for _, room := range left {
		t := h.traffic[room]
		h.remove(c, room)
		c.rooms = without(c.rooms, room)
		if c.closing {
			continue // it gets no further frames, and keeps what is held for it
		}
		h.sendNow(c, &Segment{Data: cmd.reply, ends: t})
	}
	return left
}

func (h *Hub) unregister(c *Client) []string {
	h.removeAll(c)
	h.drop(c)
	c.closing = true
	delete(h.clients, c)
	rooms := c.rooms
	c.rooms = nil
	return rooms
}

// removeAll takes c out of all its rooms. c.rooms stays: Unregister returns it.
func (h *Hub) removeAll(c *Client) {
	for _, room := range c.rooms {
		h.remove(c, room)
	}
	delete(h.watchers, c)
}

func (h *Hub) remove(c *Client, room string) {
	members, t := h.rooms[room], h.traffic[room]
	if !members[c] {
		return // it was taken out when closing began
	}
	delete(members, c)
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

// in reports whether c is in room, or was when closing began.
func (h *Hub) in(c *Client, room string) bool {
	if c.closing {
		return slices.Contains(c.rooms, room)
	}
	return h.rooms[room][c]
}

// without removes an element from a list that holds it at most once.
func without[T comparable](list []T, element T) []T {
	if i := slices.Index(list, element); i >= 0 {
		return slices.Delete(list, i, i+1)
	}
	return list
}
