package hub

// given is the newest value of one type that the hub gave to the members of a room.
type given struct {
	typ     string
	version Version
	missing []*Client // the members that joined since; also some that left, and some twice
}

// given returns what the members got of a type, nil if they got nothing since the room has
// members.
func (t *traffic) given(typ string) *given {
	for i := range t.values {
		if v := &t.values[i]; v.typ == typ {
			return v
		}
	}
	return nil
}

// allHave notes that all members have got a value, or get it now.
func (t *traffic) allHave(e *BroadcastEvent) {
	v := t.given(e.Type)
	if v == nil {
		t.values = append(t.values, given{typ: e.Type})
		v = &t.values[len(t.values)-1]
	}
	v.version, v.missing = e.Version, nil
	t.wantAbsent = nil
}

// fanOutSnapshot gives a last value to the members that have not got it. Those are the
// members that joined since the others got it. If its version is not the one that was
// given last, nobody has it: ingest passes on no value of a room that has no members yet,
// as far as it knows.
func (h *Hub) fanOutSnapshot(t *traffic, e *BroadcastEvent, f *forms) {
	members := h.rooms[t.room]
	v := t.given(e.Type)
	if v == nil || v.version != e.Version {
		for c := range members {
			h.hold(c, f.of(c))
		}
	} else {
		for _, c := range v.missing {
			if !members[c] {
				continue
			}
			if s := f.of(c); c.held.newest() != s {
				h.hold(c, s)
			}
		}
	}
	t.allHave(e)
}

// lacks notes that a new member has got no value yet.
func (t *traffic) lacks(c *Client, members map[*Client]bool) {
	for i := range t.values {
		t.values[i].missing = append(t.values[i].missing, c)
	}
	t.weed(members)
}

// weed takes clients that left out of the lists of missing ones, once they may outnumber
// the members. So leaving needs no search, and a client that left is not kept for long.
func (t *traffic) weed(members map[*Client]bool) {
	for i := range t.values {
		v := &t.values[i]
		if len(v.missing) <= 2*len(members)+8 {
			continue
		}
		kept := make(map[*Client]struct{}, len(members))
		rest := make([]*Client, 0, len(members))
		for _, c := range v.missing {
			if _, twice := kept[c]; members[c] && !twice {
				kept[c] = struct{}{}
				rest = append(rest, c)
			}
		}
		v.missing = rest
	}
}
