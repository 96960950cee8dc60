package ingest

import (
	"cmp"
	"math"
	"slices"
	"time"

	"backbone/internal/hub"
	"backbone/internal/moment"
)

// A room's feed is silent when no live value of it came for some time, of whatever type.
// Silence tells a quiet price from a dead producer. How long that is depends on the member:
// it is the TTL, or what the member chose. Each room with members has one task, for the
// threshold that is reached next, not one timer for each event or member.

// feed is the feed of a room with members.
type feed struct {
	live       time.Duration // when the last live value was taken in, or the first member came: a moment.Time's Steady
	look       *task         // looks at the feed next; nil: it is silent by all thresholds
	thresholds []threshold
	silent     int32        // the first so many thresholds are reached, and those who wait for them know
	first      [1]threshold // memory of thresholds, where there is only that of the TTL
}

// threshold is for how long a feed may say nothing.
type threshold struct {
	after   time.Duration
	group   uint32 // of the members that have it: hub.Wants.Group, in milliseconds; 0: the TTL
	members int32  // of the group; not counted for group 0, which is there while the room has members
}

// after is the threshold of a group of members.
func (c *core) after(group uint32) time.Duration {
	if group == 0 {
		return c.opts.TTL
	}
	return time.Duration(group) * time.Millisecond
}

// find returns the index of the threshold of a group, and whether it is there.
func (f *feed) find(after time.Duration, group uint32) (int, bool) {
	return slices.BinarySearchFunc(f.thresholds, threshold{after: after, group: group}, func(a, b threshold) int {
		return cmp.Or(cmp.Compare(a.after, b.after), cmp.Compare(a.group, b.group))
	})
}

// observeFeed begins to look at the feed of a room that has got its first member.
func (c *core) observeFeed(r *room, now moment.Time) {
	f := &feed{live: now.Steady}
	f.first[0].after = c.opts.TTL
	f.thresholds = f.first[:]
	if r.known > 0 {
		f.live = math.MinInt64
		for v := range r.values {
			if v.known() {
				f.live = max(f.live, v.born)
			}
		}
	}
	r.feed = f
	if f.pass(now) {
		return
	}
	c.lookLater(r)
}

// pass notes the thresholds that are reached. It reports whether all are.
func (f *feed) pass(now moment.Time) (all bool) {
	for int(f.silent) < len(f.thresholds) && now.Since(f.live) >= f.thresholds[f.silent].after {
		f.silent++
	}
	return int(f.silent) == len(f.thresholds)
}

// forgetFeed ends looking at the feed of a room that has lost its last member.
func (c *core) forgetFeed(r *room) {
	if r.feed.look != nil {
		c.agenda.remove(r.feed.look)
	}
	r.feed = nil
}

// lookLater has the feed looked at when it could reach the next threshold.
func (c *core) lookLater(r *room) {
	f := r.feed
	due := f.live + f.thresholds[f.silent].after
	if f.look != nil {
		if f.look.due <= due {
			return // it comes earlier, and looks again
		}
		c.agenda.remove(f.look)
	}
	f.look = c.agenda.add(due, task{room: r, duty: lookAt})
}

// watchFeed counts in a member of the room that wants its status, and tells it if the feed is
// silent.
func (c *core) watchFeed(r *room, group uint32, now moment.Time, pass []hub.BroadcastEvent) []hub.BroadcastEvent {
	f := r.feed
	after := c.after(group)
	i, found := f.find(after, group)
	if !found {
		pass = c.tell(r, now, pass) // so that those that are reached stay the first ones
		f.thresholds = slices.Insert(f.thresholds, i, threshold{after: after, group: group})
		if now.Since(f.live) >= after { // as are all before it
			f.silent++
		}
		if int(f.silent) < len(f.thresholds) {
			c.lookLater(r)
		}
	}
	f.thresholds[i].members++
	if i >= int(f.silent) {
		return pass
	}
	return c.feedOf(r, hub.StatusNow, f.thresholds[i:i+1], true, now, pass)
}

// lookNoMore counts out a member that had a threshold of its own.
func (f *feed) lookNoMore(after time.Duration, group uint32) {
	i, found := f.find(after, group)
	if !found {
		panic("ingest: nobody has that threshold")
	}
	if f.thresholds[i].members--; f.thresholds[i].members > 0 {
		return
	}
	f.thresholds = slices.Delete(f.thresholds, i, i+1)
	if i < int(f.silent) {
		f.silent--
	}
}

// heardFrom notes a live value of a room with members, and tells those for whom the feed was
// silent. A value that was in an outbox for longer than a threshold does not end that silence.
func (c *core) heardFrom(r *room, born time.Duration, now moment.Time, pass []hub.BroadcastEvent) []hub.BroadcastEvent {
	f := r.feed
	f.live = max(f.live, born)
	if f.silent == 0 {
		return pass
	}
	was := int(f.silent)
	f.silent = 0
	f.pass(now)
	if int(f.silent) >= was { // the value is too old to matter
		f.silent = int32(was)
		return pass
	}
	c.lookLater(r)
	return c.feedOf(r, hub.Status, f.thresholds[f.silent:was], false, now, pass)
}

// feedOf appends what the members with some thresholds are told of the room's feed.
func (c *core) feedOf(r *room, kind hub.Kind, told []threshold, silent bool, now moment.Time, pass []hub.BroadcastEvent) []hub.BroadcastEvent {
	if len(told) == 0 {
		return pass
	}
	payload := c.opts.FeedStatus(r.name, silent, now.UnixMS-now.Since(r.feed.live).Milliseconds())
	for _, t := range told {
		pass = append(pass, hub.BroadcastEvent{Room: r.name, Kind: kind, Group: t.group, Payload: payload})
	}
	return pass
}

// tell tells the members of a room whose threshold is reached that the feed has fallen silent.
func (c *core) tell(r *room, now moment.Time, pass []hub.BroadcastEvent) []hub.BroadcastEvent {
	f := r.feed
	was := f.silent
	f.pass(now)
	return c.feedOf(r, hub.Status, f.thresholds[was:f.silent], true, now, pass)
}

// lookAt tells the members of a room if its feed has fallen silent, and looks again later.
func (c *core) lookAt(r *room, now moment.Time, pass []hub.BroadcastEvent) []hub.BroadcastEvent {
	r.feed.look = nil
	pass = c.tell(r, now, pass)
	if int(r.feed.silent) < len(r.feed.thresholds) {
		c.lookLater(r)
	}
	return pass
}
