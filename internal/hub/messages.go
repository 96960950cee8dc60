package hub

// A slow reader must not get its prices later because others talk, and nobody is closed for what
// others say. So what waits of messages for a lagging client is bounded, is pulled only once no value
// and no reply waits, and is lost beyond that. The client is told how many of a room were lost, in
// the place where they are missing.

// Bounds of the messages that wait for a lagging client. Their bytes are bounded by Options.QueueBytes.
const maxMessages = 1024

// messages is what a segment of messages has in addition.
type messages struct {
	room *traffic
	ends []int  // where each message ends in the segment's Data
	lost uint64 // the segment is a notice: so many were lost before they came here
}

// messageSegment frames messages of one room, or the notice of their loss.
func (h *Hub) messageSegment(room *traffic, events []*BroadcastEvent) *Segment {
	m := &messages{room: room}
	s := &Segment{messages: m}
	if e := events[0]; e.Kind == Lost {
		m.lost = uint64(e.Missed)
		s.Data = h.opts.Frame(nil, h.opts.Lost(e.Room, m.lost))
		return s
	}
	size := 0
	for _, e := range events {
		size += len(e.Payload) + maxHeader
	}
	s.Data, m.ends = make([]byte, 0, size), make([]int, 0, len(events))
	for _, e := range events {
		s.Data = h.opts.Frame(s.Data, e.Payload)
		m.ends = append(m.ends, len(s.Data))
	}
	s.live = uint64(len(events))
	return s
}

// from is where message i begins.
func (m *messages) from(i int) int {
	if i == 0 {
		return 0
	}
	return m.ends[i-1]
}

// size is the number of bytes of n messages from message i on.
func (m *messages) size(i, n int) int { return m.from(i+n) - m.from(i) }

// part is n messages of a segment from message i on, in memory that holds nothing else.
func (s *Segment) part(i, n int) *Segment {
	m := s.messages
	from := m.from(i)
	p := &Segment{
		Data: append(make([]byte, 0, m.size(i, n)), s.Data[from:m.from(i+n)]...), live: uint64(n),
		messages: &messages{room: m.room, ends: make([]int, n)},
	}
	for k := range p.messages.ends {
		p.messages.ends[k] = m.ends[i+k] - from
	}
	return p
}

// messageList is the messages that wait for a lagging client, in order.
type messageList struct {
	entries []*messageEntry
	count   int                        // messages
	bytes   int                        // of messages
	losses  map[*traffic]*messageEntry // the loss that the next one of the room adds to, where nothing came behind it
}

// messageEntry is messages, or a loss of some.
type messageEntry struct {
	segment *Segment // nil: they are lost
	taken   int      // messages of the segment that are taken
	room    *traffic
	lost    uint64
}

func (e *messageEntry) left() int { return len(e.segment.messages.ends) - e.taken }

// waits reports whether there is anything to tell.
func (l *messageList) waits() bool { return len(l.entries) > 0 }

// add takes those messages of a segment behind the first few that are within the bounds. It returns how
// many are lost.
func (l *messageList) add(s *Segment, taken, most int) (lost uint64) {
	m := s.messages
	if m.lost > 0 {
		l.lose(m.room, m.lost)
		return 0
	}
	all := len(m.ends) - taken
	n := all
	for n > 0 && (l.count+n > maxMessages || l.bytes+m.size(taken, n) > most) {
		n--
	}
	lost = uint64(all - n)
	if n > 0 {
		l.count += n
		l.bytes += m.size(taken, n)
		if n < all {
			s, taken = s.part(taken, n), 0
		}
		l.entries = append(l.entries, &messageEntry{segment: s, taken: taken, room: m.room})
		delete(l.losses, m.room)
	}
	if lost > 0 {
		l.lose(m.room, lost)
	}
	return lost
}

// lose notes that messages of a room are lost behind what waits.
func (l *messageList) lose(room *traffic, n uint64) {
	e := l.losses[room]
	if e == nil {
		e = &messageEntry{room: room}
		if l.losses == nil {
			l.losses = map[*traffic]*messageEntry{}
		}
		l.losses[room] = e
		l.entries = append(l.entries, e)
	}
	e.lost += n
}

// join adds what a later list has. It returns how many messages are lost by that.
func (l *messageList) join(later *messageList, most int) (lost uint64) {
	for _, e := range later.entries {
		if e.segment == nil {
			l.lose(e.room, e.lost)
		} else {
			lost += l.add(e.segment, e.taken, most)
		}
	}
	return lost
}

// forget takes out what waits of a room. It returns how many of its messages waited, and how many
// the client was not told were lost.
func (l *messageList) forget(room *traffic) (waited, untold uint64) {
	rest := l.entries[:0]
	for _, e := range l.entries {
		switch {
		case e.room != room:
			rest = append(rest, e)
		case e.segment == nil:
			untold += e.lost
		default:
			waited += uint64(e.left())
			l.bytes -= e.segment.messages.size(e.taken, e.left())
			l.count -= e.left()
		}
	}
	clear(l.entries[len(rest):])
	l.entries = rest
	delete(l.losses, room)
	return waited, untold + waited
}

// take removes messages and losses from the front, as many as fit into limit bytes but at least one, and
// returns their frames. A message of more than longest bytes is lost; 0: none is too long. notice appends
// the frame that tells of a loss.
func (l *messageList) take(limit, longest int, notice func(dst []byte, room string, lost uint64) []byte) (taken *Segment, lost uint64) {
	taken = &Segment{pulled: true}
	for len(l.entries) > 0 {
		e := l.entries[0]
		if e.segment == nil {
			data := notice(taken.Data, e.room.room, e.lost)
			if len(taken.Data) > 0 && len(data) > limit {
				break
			}
			taken.Data = data
			if l.losses[e.room] == e {
				delete(l.losses, e.room)
			}
			l.drop()
			continue
		}
		if n := l.tooLong(e, longest); n > 0 {
			lost += n
			continue
		}
		m := e.segment.messages
		frame := e.segment.Data[m.from(e.taken):m.ends[e.taken]]
		if len(taken.Data) > 0 && len(taken.Data)+len(frame) > limit {
			break
		}
		taken.Data, taken.live = append(taken.Data, frame...), taken.live+1
		if l.passed(e); e.left() == 0 {
			l.drop()
		}
	}
	return taken, lost
}

// passed notes that the next message of the first entry is taken or lost.
func (l *messageList) passed(e *messageEntry) {
	l.count--
	l.bytes -= e.segment.messages.size(e.taken, 1)
	e.taken++
}

// tooLong loses those messages at the begin of the first entry that have more than longest bytes, and
// returns how many. Their loss is the first entry then.
func (l *messageList) tooLong(e *messageEntry, longest int) (lost uint64) {
	for longest > 0 && e.left() > 0 && e.segment.messages.size(e.taken, 1) > longest {
		l.passed(e)
		lost++
	}
	if lost == 0 {
		return 0
	}
	if e.left() == 0 {
		l.drop()
	}
	if len(l.entries) > 0 && l.entries[0].segment == nil && l.entries[0].room == e.room {
		l.entries[0].lost += lost
	} else {
		l.entries = append([]*messageEntry{{room: e.room, lost: lost}}, l.entries...)
	}
	return lost
}

func (l *messageList) drop() {
	l.entries[0] = nil
	l.entries = l.entries[1:]
}
