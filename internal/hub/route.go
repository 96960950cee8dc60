package hub

// traffic is what the hub keeps of a room with members besides the members.
type traffic struct {
	room        string
	active      bool                  // the room has events in the turn under way
	first, last int                   // indexes in Hub.routed of the room's first and last event in this turn
	values      []*slot               // one for each type of which the members got a value
	status      *slot                 // nil: the members never got the room's status
	wantAbsent  []*Client             // members to be told if there is no value, and not told yet
	audience    audience              // members that want the room's status
	wantStamp   map[*Client]struct{}  // members that get values in their stamped form; nil: nobody ever did
	throttles   map[*Client]*throttle // members that get no more than so many values; nil: nobody ever did
	whole       map[*Client]struct{}  // members that refuse conflation; nil: nobody ever did
}

// routed is an event of the turn under way. All rooms share one list of them, so
// that a room that was busy once does not keep the memory.
type routed struct {
	event *BroadcastEvent
	next  int // index of the room's next event, 0: there is none
}

// turn routes events and those that wait in the channel, and flushes them. It ends early
// if they get large, so that commands are carried out in between.
func (h *Hub) turn(events []BroadcastEvent) {
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

// route takes events into the turn under way. It flushes the turn, and reports so, when
// that gets large.
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
			h.fanOutBridgeStatus(e)
			continue
		}
		if t == nil {
			continue
		}
		at := len(h.routed)
		h.routed = append(h.routed, routed{event: e})
		if t.active {
			h.routed[t.last].next = at
		} else {
			t.active, t.first = true, at
			h.active = append(h.active, t)
		}
		t.last = at
		h.bytes += len(e.Payload)
		if len(t.wantStamp) > 0 {
			h.bytes += stampBytes
		}
		if h.bytes >= min(maxTurn, h.opts.QueueBytes/2) {
			h.flush()
			large = true
		}
	}
	return large
}

// flush ends a turn. Each room's events become shared segments, and each client that gets
// any gets them as one batch, however many rooms and events they are of.
func (h *Hub) flush() {
	for _, t := range h.active {
		t.active = false
		h.group = append(h.group[:0], h.routed[t.first].event)
		for at := h.routed[t.first].next; at > 0; at = h.routed[at].next {
			h.group = append(h.group, h.routed[at].event)
		}
		for from, to := 0, 1; from < len(h.group); from, to = to, to+1 {
			for to < len(h.group) && h.group[to].joins(h.group[from]) {
				to++
			}
			h.fanOut(t, h.group[from:to])
		}
		clear(h.group)
	}
	for _, c := range h.touched {
		c.touched = false
		h.deliver(c)
	}
	clear(h.routed)
	clear(h.active)
	clear(h.touched)
	h.routed, h.active, h.touched, h.bytes = h.routed[:0], h.active[:0], h.touched[:0], 0
	h.sendLists()
}

// joins reports whether e and an event f of its room may share a segment. The values in a
// segment replace one another, so they are of one type.
func (e *BroadcastEvent) joins(f *BroadcastEvent) bool {
	return e.Kind.Value() && f.Kind.Value() && e.Type == f.Type || e.Kind == Message && f.Kind == Message
}

// fanOut gives events that share a segment to the members that they are for.
func (h *Hub) fanOut(t *traffic, events []*BroadcastEvent) {
	f, last := forms{hub: h, wishes: t.wantStamp, events: events}, events[len(events)-1]
	switch last.Kind {
	case Warm:
		h.fanOutSnapshot(t, last, &f)
	case Absent:
		for _, c := range t.wantAbsent {
			h.hold(c, f.plain())
		}
		t.wantAbsent = nil
	case Status, StatusNow:
		h.fanOutStatus(t, last, &f)
	case State, Recovered:
		f.slot = t.value(last.Type)
		f.slot.allHave(last)
		t.wantAbsent = nil
		h.fanOutToAll(t, &f)
	case Message, Lost:
		f.wishes, f.room = nil, t
		h.fanOutToAll(t, &f)
	}
}

// fanOutToAll gives events that share a segment to all members.
func (h *Hub) fanOutToAll(t *traffic, f *forms) {
	members := h.rooms[t.room]
	if len(f.wishes) == 0 && (len(t.throttles) == 0 || f.room != nil) {
		s := f.plain()
		for c := range members {
			h.hold(c, s)
		}
	} else {
		for c := range members {
			h.give(t, c, f)
		}
	}
	for _, e := range f.events {
		if e.Kind.Live() {
			h.stats.Deliveries += uint64(len(members))
		}
	}
}

// maxHeader is the size of a frame's header, up to 64 KiB.
const maxHeader = 4

// segment frames events of one room, once for all members that get them in this form.
func (h *Hub) segment(events []*BroadcastEvent, slot *slot, stamped bool) *Segment {
	more := maxHeader
	if stamped {
		more += stampBytes
	}
	size := 0
	for _, e := range events {
		size += len(e.Payload) + more
	}
	last := events[len(events)-1]
	s := &Segment{Data: make([]byte, 0, size), slot: slot}
	for _, e := range events {
		if e.Missed > 0 {
			s.Data = h.opts.Frame(s.Data, h.opts.Conflated(e.Room, uint64(e.Missed)))
			s.missed += uint64(e.Missed)
		}
		if e.Kind.Live() {
			s.live++
		}
		s.newest = int32(len(s.Data))
		if stamped {
			s.Data = h.opts.Stamped(s.Data, e)
		} else {
			s.Data = h.opts.Frame(s.Data, e.Payload)
		}
	}
	if last.Kind == State {
		s.last, s.born = 1, last.Born
	}
	return s
}

// hold keeps a segment for c until the flush delivers it.
func (h *Hub) hold(c *Client, s *Segment) {
	if c.closing {
		h.stats.Dropped += s.live
		return
	}
	c.held.add(s, c.hint)
	if !c.touched {
		c.touched = true
		h.touched = append(h.touched, c)
	}
}
