package hub

import "time"

// forms are the segments of events that share one: for the members that get values in their
// stamped form, and for the others. Each is made when the first member needs it.
type forms struct {
	hub     *Hub
	wishes  map[*Client]struct{} // members that get the stamped form
	events  []*BroadcastEvent
	slot    *slot    // of the events
	room    *traffic // of events that are messages, or of their loss; nil: they are not
	without *Segment // nil: no member needed it yet
	with    *Segment
	last    *newest       // nil: no member needed it yet
	at      time.Duration // when the events are given; 0: nobody has asked
}

// of returns the segment for c.
func (f *forms) of(c *Client) *Segment {
	if _, wish := f.wishes[c]; !wish {
		return f.plain()
	}
	if f.with == nil {
		f.with = f.hub.segment(f.events, f.slot, true)
	}
	return f.with
}

// plain returns the segment for members that do not get the stamped form.
func (f *forms) plain() *Segment {
	switch {
	case f.without != nil:
	case f.room != nil:
		f.without = f.hub.messageSegment(f.room, f.events)
	default:
		f.without = f.hub.segment(f.events, f.slot, false)
	}
	return f.without
}
