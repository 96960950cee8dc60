package ingest

import (
	"time"

	"backbone/internal/hub"
)

// A room's feed is silent when no live event of it came for the TTL: whether a price is
// quiet or its producer dead is the first question of whoever looks at it. Each room
// with members has one task, which is looked at again a TTL after the last event, not
// one timer for each.

// observeFeed begins to look at a room that has got its first member.
func (c *core) observeFeed(v *value, now time.Time) {
	v.live = now.UnixNano()
	if v.known() {
		v.live = v.born
	}
	v.silent = now.UnixNano()-v.live >= int64(c.opts.TTL)
	c.expect(v)
}

// expect has the feed looked at when it could be silent.
func (c *core) expect(v *value) {
	if v.expected == nil && !v.silent {
		v.expected = c.agenda.add(v.live+int64(c.opts.TTL), v, lookAt)
	}
}

// heardFrom notes a live event of a room with members, and says so if it was silent.
// One that lay in an outbox for longer than the TTL does not end the silence.
func (c *core) heardFrom(v *value, born int64, now time.Time, pass []hub.BroadcastEvent) []hub.BroadcastEvent {
	v.live = max(v.live, born)
	if !v.silent || now.UnixNano()-v.live >= int64(c.opts.TTL) {
		return pass
	}
	v.silent = false
	c.expect(v)
	return append(pass, c.feed(v, hub.Status))
}

// feed is what a room's members are told of its feed.
func (c *core) feed(v *value, kind hub.Kind) hub.BroadcastEvent {
	return hub.BroadcastEvent{Room: v.room, Kind: kind, Payload: c.opts.FeedStatus(v.room, v.silent, v.live/int64(time.Millisecond))}
}

// lookAt is the task of a room that should have been heard from.
func (c *core) lookAt(v *value, now time.Time, pass []hub.BroadcastEvent) []hub.BroadcastEvent {
	v.expected = nil
	if now.UnixNano()-v.live >= int64(c.opts.TTL) {
		v.silent = true
		pass = append(pass, c.feed(v, hub.Status))
	}
	c.expect(v)
	return pass
}
