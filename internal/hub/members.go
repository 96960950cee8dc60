package hub

import "slices"

func (h *Hub) join(c *Client, cmd command) []string {
	if c.closing {
		return nil
	}
	h.say(c, &Segment{Data: cmd.reply})
	if c.closing {
		return nil // that was one frame too many
	}
	fresh := cmd.rooms[:0]
	for _, room := range cmd.rooms {
		if h.in(c, room) {
			continue
		}
		fresh = append(fresh, room)
		c.rooms = append(c.rooms, room)
		members, t := h.rooms[room], h.traffic[room]
		if members == nil {
			members, t = map[*Client]bool{}, &traffic{room: room}
			h.rooms[room], h.traffic[room] = members, t
		}
		members[c] = false
		t.fresh = append(t.fresh, c)
		t.weed(members)
		if cmd.wants.Absent {
			t.asking = append(t.asking, c)
		}
		if cmd.wants.Status {
			if t.wanting == nil {
				t.wanting = map[*Client]struct{}{}
			}
			t.wanting[c] = struct{}{}
			t.untold = append(t.untold, c)
		}
	}
	if cmd.wants.Status {
		h.watch(c)
	}
	return fresh
}

// watch has c told of the instance's link, as it is now and when it changes.
func (h *Hub) watch(c *Client) {
	if _, already := h.watchers[c]; already {
		return
	}
	h.watchers[c] = struct{}{}
	if h.link != nil {
		h.say(c, h.link)
	}
}

func (h *Hub) leave(c *Client, cmd command) []string {
	left := h.among(c, cmd.rooms)
	for _, room := range left {
		h.remove(c, room)
		c.rooms = without(c.rooms, room)
		if c.closing {
			continue // nothing is said to it any more, and what it has coming stays
		}
		h.say(c, &Segment{Data: cmd.reply, key: room, ends: true})
	}
	return left
}

func (h *Hub) unregister(c *Client) []string {
	h.forget(c)
	h.drop(c)
	c.closing = true
	delete(h.clients, c)
	rooms := c.rooms
	c.rooms = nil
	return rooms
}

// forget takes c out of all its rooms. c.rooms stays: it is the answer to Unregister.
func (h *Hub) forget(c *Client) {
	for _, room := range c.rooms {
		h.remove(c, room)
	}
	delete(h.watchers, c)
}

func (h *Hub) remove(c *Client, room string) {
	members, t := h.rooms[room], h.traffic[room]
	if _, in := members[c]; !in {
		return // it was taken out when closing began
	}
	delete(members, c)
	if len(members) == 0 {
		delete(h.rooms, room)
		delete(h.traffic, room)
		return
	}
	t.weed(members)
	t.asking = without(t.asking, c)
	t.untold = without(t.untold, c)
	delete(t.wanting, c)
}

// say gives c one frame outside of a flush.
func (h *Hub) say(c *Client, s *Segment) {
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
	_, in := h.rooms[room][c]
	return in
}

// weed takes those out of fresh that left or have got a value, once they may outnumber
// the members: so leaving needs no search, and who is gone is not kept for long.
func (t *traffic) weed(members map[*Client]bool) {
	if len(t.fresh) <= 2*len(members)+8 {
		return
	}
	t.fresh = make([]*Client, 0, len(members))
	for c, seen := range members {
		if !seen {
			t.fresh = append(t.fresh, c)
		}
	}
}

// without removes an element from a list, in which it is once or not at all.
func without[T comparable](list []T, element T) []T {
	if i := slices.Index(list, element); i >= 0 {
		return slices.Delete(list, i, i+1)
	}
	return list
}
