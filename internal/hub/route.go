package hub

// traffic is what a room with members needs beside its members.
type traffic struct {
	room        string
	active      bool      // has events in the drain under way
	first, last int       // of these, positions in Hub.drained
	fresh       []*Client // holds all members that have got no value yet; others too
	asking      []*Client // of those, the ones to be told if there is no value
	untold      []*Client // of wanting, those that have not heard it

	wanting map[*Client]struct{} // members that want the room's status; nil: nobody ever did
}

// waiting is an event of the drain under way. All rooms share one list of them, so
// that a room that was busy once does not keep the memory.
type waiting struct {
	event *BroadcastEvent
	next  int // position of the room's next event, 0: there is none
}

// drain routes events and those that wait already, and flushes them. It goes on to the
// next turn where they get large: commands have to get theirs.
func (h *Hub) drain(events []BroadcastEvent) {
	large := h.route(events)
	for n := len(h.events); n > 0 && !large; n-- {
		large = h.route(<-h.events)
	}
	h.flush()
}

// routeWaiting routes and flushes the events that wait.
func (h *Hub) routeWaiting() {
	for range len(h.events) {
		h.route(<-h.events)
	}
	h.flush()
}

// route takes events into the drain under way, and flushes and reports it where that
// gets large.
func (h *Hub) route(events []BroadcastEvent) (large bool) {
	for i := range events {
		e := &events[i]
		t := h.traffic[e.Room]
		if e.Kind.Live() {
			h.stats.Events++
			if t == nil {
				h.stats.Unheard++
			}
		}
		if e.Kind == Status && e.Room == "" {
			h.announce(e)
			continue
		}
		if t == nil {
			continue
		}
		at := len(h.drained)
		h.drained = append(h.drained, waiting{event: e})
		if t.active {
			h.drained[t.last].next = at
		} else {
			t.active, t.first = true, at
			h.active = append(h.active, t)
		}
		t.last = at
		if h.bytes += len(e.Payload); h.bytes >= min(maxDrain, h.opts.QueueBytes/2) {
			h.flush()
			large = true
		}
	}
	return large
}

// flush ends a drain: each room's events become shared segments, and each client that
// is concerned gets one batch, whatever number of rooms and events.
func (h *Hub) flush() {
	for _, t := range h.active {
		t.active = false
		h.group = append(h.group[:0], h.drained[t.first].event)
		for at := h.drained[t.first].next; at > 0; at = h.drained[at].next {
			h.group = append(h.group, h.drained[at].event)
		}
		for from, to := 0, 1; from < len(h.group); from, to = to, to+1 {
			for to < len(h.group) && h.group[to].Kind.joins(h.group[from].Kind) {
				to++
			}
			h.give(t, h.group[from:to])
		}
		clear(h.group)
	}
	for _, c := range h.touched {
		c.touched = false
		h.deliver(c)
	}
	clear(h.drained)
	clear(h.active)
	clear(h.touched)
	h.drained, h.active, h.touched, h.bytes = h.drained[:0], h.active[:0], h.touched[:0], 0
	h.tellReady()
}

// joins reports whether events of kinds k and l may share a segment: conflatable
// ones never stand in one with others.
func (k Kind) joins(l Kind) bool {
	return k.Value() && l.Value() || k == Message && l == Message
}

// give hands events that share a segment to the members that they are for.
func (h *Hub) give(t *traffic, events []*BroadcastEvent) {
	s := h.segment(events)
	members := h.rooms[t.room]
	switch events[0].Kind {
	case Warm:
		for _, c := range t.fresh {
			if seen, member := members[c]; member && !seen {
				members[c] = true
				h.add(c, s)
			}
		}
		t.fresh, t.asking = nil, nil
	case Absent:
		for _, c := range t.asking {
			h.add(c, s)
		}
		t.asking = nil
	case Status, StatusNow:
		h.tellStatus(t, events[0].Kind, s)
	case State, Recovered:
		for _, c := range t.fresh {
			if _, member := members[c]; member {
				members[c] = true
			}
		}
		t.fresh, t.asking = nil, nil
		fallthrough
	case Message:
		for c := range members {
			h.add(c, s)
		}
		h.stats.Deliveries += s.live * uint64(len(members))
	}
}

// segment frames events of one room, once for all members.
func (h *Hub) segment(events []*BroadcastEvent) *Segment {
	const header = 4 // of a frame up to 64 KiB
	size := 0
	for _, e := range events {
		size += len(e.Payload) + header
	}
	last := events[len(events)-1]
	s := &Segment{Data: make([]byte, 0, size), key: last.Room, state: last.Kind.conflatable()}
	if last.Kind == Status || last.Kind == StatusNow {
		s.key = statusKey(last.Room)
	}
	for _, e := range events {
		if e.Missed > 0 {
			s.Data = h.opts.Frame(s.Data, h.opts.Conflated(e.Room, e.Missed))
			s.missed += e.Missed
		}
		if e.Kind.Live() {
			s.live++
		}
		s.newest = len(s.Data)
		s.Data = h.opts.Frame(s.Data, e.Payload)
	}
	if last.Kind == State {
		s.last = 1
	}
	return s
}

func (k Kind) conflatable() bool { return k != Message && k != Absent }

// statusKey sets a room's status apart from its values; no room has such a name.
func statusKey(room string) string { return room + "\x00" }

// announce tells all that want to know what became of the instance's link.
func (h *Hub) announce(e *BroadcastEvent) {
	h.link = h.segment([]*BroadcastEvent{e})
	for c := range h.watchers {
		h.add(c, h.link)
	}
}

// tellStatus hands a room's status to the members that it is for.
func (h *Hub) tellStatus(t *traffic, kind Kind, s *Segment) {
	if kind == StatusNow {
		for _, c := range t.untold {
			h.add(c, s)
		}
	} else {
		for c := range t.wanting {
			h.add(c, s)
		}
	}
	t.untold = nil
}

func (h *Hub) add(c *Client, s *Segment) {
	c.held.add(s, c.hint)
	if !c.touched {
		c.touched = true
		h.touched = append(h.touched, c)
	}
}
