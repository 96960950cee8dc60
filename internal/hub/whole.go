package hub

// A member can refuse conflation (Wants.Whole): its client is closed at the moment at which a live value of
// the room would be left out because it is behind. What was lost on the way to this instance is told as ever.

// keepWhole has no value of a room be left out for c.
func (h *Hub) keepWhole(t *traffic, c *Client) {
	if _, already := t.whole[c]; already {
		return
	}
	if t.whole == nil {
		t.whole = map[*Client]struct{}{}
	}
	t.whole[c] = struct{}{}
	h.whole[c]++
}

// endWhole ends that.
func (h *Hub) endWhole(t *traffic, c *Client) {
	if _, wish := t.whole[c]; wish {
		delete(t.whole, c)
		if h.whole[c]--; h.whole[c] == 0 {
			delete(h.whole, c)
		}
	}
}

// newLag returns an empty list for c.
func (h *Hub) newLag(c *Client) *lagList {
	l := newLagList()
	l.refuses = func(s *slot) bool {
		if len(h.whole) == 0 || h.whole[c] == 0 {
			return false
		}
		t := h.traffic[s.room]
		if t == nil {
			return false
		}
		_, wish := t.whole[c]
		return wish
	}
	return l
}
