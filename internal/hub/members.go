package hub

import (
	"maps"
	"slices"
)

func (h *Hub) join(c *Client, cmd command) []string {
	if c.closing {
		return nil
	}
	h.say(c, &Segment{Data: cmd.reply})
	if c.closing {
		return nil // that was one frame too many
	}
	if c.rooms == nil {
		c.rooms = map[string]bool{}
	}
	fresh := cmd.rooms[:0]
	for _, room := range cmd.rooms {
		if _, in := c.rooms[room]; in {
			continue
		}
		fresh = append(fresh, room)
		c.rooms[room] = cmd.wants.Status
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
			t.wanted++
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
	left := c.among(cmd.rooms)
	for _, room := range left {
		h.remove(c, room)
		delete(c.rooms, room)
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
	rooms := slices.Collect(maps.Keys(c.rooms))
	c.rooms = nil
	return rooms
}

// forget takes c out of all its rooms. c.rooms stays: it is the answer to Unregister.
func (h *Hub) forget(c *Client) {
	for room := range c.rooms {
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
	if c.rooms[room] {
		t.wanted--
	}
}

// say gives c one frame outside of a flush.
func (h *Hub) say(c *Client, s *Segment) {
	c.held.add(s, 0)
	h.deliver(c)
}

// among keeps those of rooms, in place, that c is in.
func (c *Client) among(rooms []string) []string {
	return slices.DeleteFunc(rooms, func(room string) bool {
		_, in := c.rooms[room]
		return !in
	})
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

// without removes c from a short list.
func without(list []*Client, c *Client) []*Client {
	if i := slices.Index(list, c); i >= 0 {
		return slices.Delete(list, i, i+1)
	}
	return list
}
