package hub

// entry is one thing that a lagging client still has to get: a fixed frame, or the
// newest frame of a slot and how many live events it stands for. It is small, and what it
// refers to is shared by all clients, because a client has one for each of its rooms.
type entry struct {
	segment *Segment // nil: nothing any more
	skipped uint64   // live events left out before the frame
}

// lagList is what a lagging client still has to get, in order. Its memory is bounded: one
// entry for each slot of a room, fixed frames up to the limits that Hub.conflate
// checks, and messages up to limits of their own. Those come behind all else.
type lagList struct {
	entries []entry          // in order, from head on
	head    int              // entries before it have been taken
	begin   uint32           // the number of the first entry
	at      map[*slot]uint32 // the number of each slot's entry
	count   int              // entries that are something
	fixed   int              // of them, fixed frames
	bytes   int              // bytes of the fixed frames

	messages messageList

	refuses func(*slot) bool // whether the client wants all live values of a slot; nil: none
	broken  bool             // it did, and one was left out
}

func newLagList() *lagList { return &lagList{at: map[*slot]uint32{}} }

// add takes a segment. It returns how many live events that left out, and how many it
// dropped because the client left their room.
func (l *lagList) add(s *Segment) (skipped, dropped uint64) {
	for _, room := range s.ends {
		dropped += l.forget(room)
	}
	if s.slot == nil {
		l.push(entry{segment: s})
		return 0, dropped
	}
	skipped = s.live - uint64(s.last)
	l.leaveOut(s.slot, skipped)
	return skipped + l.replace(entry{s.newestAlone(), skipped + s.missed}), 0
}

// join adds the entries of a list of what came later, which is not used any more; fixed adds a
// fixed frame. It returns how many live events the others left out.
func (l *lagList) join(later *lagList, fixed func(*Segment)) (skipped uint64) {
	for _, e := range later.entries[later.head:] {
		switch s := e.segment; {
		case s == nil:
		case s.slot == nil:
			fixed(s)
		default:
			skipped += l.replace(e)
		}
	}
	return skipped
}

// replace puts e where its slot has its entry, or at the end of the list. It returns how many
// live events that left out.
func (l *lagList) replace(e entry) (skipped uint64) {
	mine := l.find(e.segment.slot)
	if mine == nil {
		l.at[e.segment.slot] = l.begin + uint32(len(l.entries))
		l.push(e)
		return 0
	}
	skipped = mine.segment.live
	l.leaveOut(e.segment.slot, skipped)
	e.skipped += mine.skipped + skipped
	*mine = e
	return skipped
}

// leaveOut notes that live events of a slot are left out.
func (l *lagList) leaveOut(s *slot, n uint64) {
	if n > 0 && l.refuses != nil && l.refuses(s) {
		l.broken = true
	}
}

func (l *lagList) push(e entry) {
	l.entries = append(l.entries, e)
	l.count++
	if e.segment.slot == nil && !e.segment.pulled {
		l.fixed++
		l.bytes += len(e.segment.Data)
	}
}

// find returns the slot's entry, or nil.
func (l *lagList) find(s *slot) *entry {
	number, ok := l.at[s]
	if !ok {
		return nil
	}
	return &l.entries[number-l.begin]
}

// forget removes the entries of a room's slots and returns how many live events that drops.
func (l *lagList) forget(t *traffic) (dropped uint64) {
	for s := range t.slots {
		if e := l.find(s); e != nil {
			dropped += e.segment.live
			l.remove(e)
		}
	}
	return dropped
}

func (l *lagList) remove(e *entry) {
	if s := e.segment.slot; s != nil {
		delete(l.at, s)
	} else if !e.segment.pulled {
		l.fixed--
		l.bytes -= len(e.segment.Data)
	}
	*e = entry{}
	l.count--
}

// take removes entries from the front, as many as fit into limit bytes but at least
// one, and returns their frames. notice appends the frame that tells the count of events
// left out.
func (l *lagList) take(limit int, notice func(dst []byte, room string, skipped uint64) []byte) *Segment {
	taken := &Segment{pulled: true}
	for ; l.count > 0; l.head++ {
		e := &l.entries[l.head]
		s, data := e.segment, taken.Data
		if s == nil {
			continue
		}
		if e.skipped > 0 {
			data = notice(data, s.slot.room, e.skipped)
		}
		data = append(data, s.Data...)
		if len(taken.Data) > 0 && len(data) > limit {
			break
		}
		taken.Data, taken.live = data, taken.live+s.live
		l.remove(e)
	}
	l.moveUp()
	return taken
}

// moveUp gives the places of the entries that were taken to others, once they are half of all.
func (l *lagList) moveUp() {
	if l.count == 0 {
		l.head = len(l.entries)
	}
	if l.head <= len(l.entries)/2 {
		return
	}
	n := copy(l.entries, l.entries[l.head:])
	clear(l.entries[n:])
	l.entries = l.entries[:n]
	l.begin += uint32(l.head)
	l.head = 0
}

// waits reports whether there is anything to get.
func (l *lagList) waits() bool { return l.count > 0 || l.messages.waits() }

// size is the number of bytes that wait.
func (l *lagList) size() (n int) {
	n = l.messages.bytes
	for _, e := range l.entries[l.head:] {
		if e.segment != nil {
			n += len(e.segment.Data)
		}
	}
	return n
}

// live is the number of live events that would be dropped with the list.
func (l *lagList) live() (n uint64) {
	n = uint64(l.messages.count)
	for _, e := range l.entries[l.head:] {
		if e.segment != nil {
			n += e.segment.live
		}
	}
	return n
}
