package hub

// slot is a place in which a newer frame replaces older ones: a room's value of one type, or its
// status. It is one for all clients, which know it by its address.
type slot struct {
	room, typ string // typ "" for a status

	// Of a value.
	version  Version   // of the newest that the hub gave to the members
	missing  []*Client // the members that joined since; also some that left, and some twice
	snapshot *Segment  // of that version, as members without stamps got it last; nil: not framed yet
}

// given returns the slot of a type, nil if the members got nothing of it since the room has
// members.
func (t *traffic) given(typ string) *slot {
	for _, s := range t.values {
		if s.typ == typ {
			return s
		}
	}
	return nil
}

// value returns the slot of a type, a new one if there is none.
func (t *traffic) value(typ string) *slot {
	s := t.given(typ)
	if s == nil {
		s = &slot{room: t.room, typ: typ}
		t.values = append(t.values, s)
	}
	return s
}

// slots calls f for each slot of the room.
func (t *traffic) slots(f func(*slot) bool) {
	for _, s := range t.values {
		if !f(s) {
			return
		}
	}
	if t.status != nil {
		f(t.status)
	}
}

// allHave notes that all members have got a value, or get it now.
func (s *slot) allHave(e *BroadcastEvent) {
	if s.version != e.Version {
		s.version, s.snapshot = e.Version, nil
	}
	s.missing = nil
}

// fanOutSnapshot gives a last value to the members that have not got it. Those are the
// members that joined since the others got it. If its version is not the one that was
// given last, nobody has it: ingest passes on no value of a room that has no members yet,
// as far as it knows.
//
// All who get the snapshot of a version share it, whenever they join.
func (h *Hub) fanOutSnapshot(t *traffic, e *BroadcastEvent, f *forms) {
	members := h.rooms[t.room]
	s := t.given(e.Type)
	if s == nil || s.version != e.Version {
		s = t.value(e.Type)
		s.allHave(e)
		f.slot = s
		for c := range members {
			h.give(t, c, f)
		}
	} else {
		f.slot, f.without = s, s.snapshot
		for _, c := range s.missing {
			if _, member := members[c]; !member {
				continue
			}
			if t.throttles[c] != nil {
				h.give(t, c, f)
				continue
			}
			if segment := f.of(c); c.held.newest() != segment {
				h.hold(c, segment)
			}
		}
		s.missing = nil
	}
	s.snapshot = f.without
	t.wantAbsent = nil
}

// lacks notes that a new member has got no value yet.
func (t *traffic) lacks(c *Client, members map[*Client]int32) {
	for _, s := range t.values {
		s.missing = append(s.missing, c)
	}
	t.weed(members)
}

// weed takes clients that left out of the lists of missing ones, once they may outnumber
// the members. So leaving needs no search, and a client that left is not kept for long.
func (t *traffic) weed(members map[*Client]int32) {
	for _, v := range t.values {
		if len(v.missing) <= 2*len(members)+8 {
			continue
		}
		kept := make(map[*Client]struct{}, len(members))
		rest := make([]*Client, 0, len(members))
		for _, c := range v.missing {
			_, member := members[c]
			if _, twice := kept[c]; member && !twice {
				kept[c] = struct{}{}
				rest = append(rest, c)
			}
		}
		v.missing = rest
	}
}
