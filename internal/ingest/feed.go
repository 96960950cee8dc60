package ingest

import (
	"time"

	"backbone/internal/hub"
)

// A room's feed is silent when no live value of it came for the TTL, of whatever type.
// Silence tells a quiet price from a dead producer. Each room with members has one task
// that looks at the feed, a TTL after the last event, not one timer for each event.

// feedState is the feed of a room with members.
type feedState struct {
	live int64 // time of the last live value, or of the first member, Unix nanoseconds
	look *task // looks at the feed next; nil: the feed is silent, or the room has no members
}

func (f *feedState) silent() bool { return f.look == nil }

// observeFeed begins to look at the feed of a room that has got its first member.
func (c *core) observeFeed(r *room, now time.Time) {
	f := &r.feed
	f.live = now.UnixNano()
	if r.known > 0 {
		f.live = 0
		for v := range r.values {
			f.live = max(f.live, v.born)
		}
	}
	if now.UnixNano()-f.live < int64(c.opts.TTL) {
		c.lookLater(r)
	}
}

// lookLater has the feed looked at when it could be silent.
func (c *core) lookLater(r *room) {
	r.feed.look = c.agenda.add(r.feed.live+int64(c.opts.TTL), task{room: r, duty: lookAt})
}

// heardFrom notes a live value of a room with members, and tells them if the feed was
// silent. A value that was in an outbox for longer than the TTL does not end the silence.
func (c *core) heardFrom(r *room, born int64, now time.Time, pass []hub.BroadcastEvent) []hub.BroadcastEvent {
	f := &r.feed
	f.live = max(f.live, born)
	if !f.silent() || now.UnixNano()-f.live >= int64(c.opts.TTL) {
		return pass
	}
	c.lookLater(r)
	return append(pass, c.feed(r, hub.Status))
}

// feed is what a room's members are told of its feed.
func (c *core) feed(r *room, kind hub.Kind) hub.BroadcastEvent {
	return hub.BroadcastEvent{Room: r.name, Kind: kind, Payload: c.opts.FeedStatus(r.name, r.feed.silent(), r.feed.live/int64(time.Millisecond))}
}

// lookAt tells the members of a room if its feed has fallen silent.
func (c *core) lookAt(r *room, now time.Time, pass []hub.BroadcastEvent) []hub.BroadcastEvent {
	r.feed.look = nil
	if now.UnixNano()-r.feed.live >= int64(c.opts.TTL) {
		return append(pass, c.feed(r, hub.Status))
	}
	c.lookLater(r)
	return pass
}
