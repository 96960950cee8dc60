package hub

import (
	"cmp"
	"container/heap"
	"time"
)

// A member can ask for no more than one value of each type in a while (Wants.Every). It then gets the first
// at once. What comes before its next turn replaces what waits, and is counted as conflation counts. The
// heap `due` has who waits, so that the hub needs one timer for all. What is due goes the way of any other
// segment, so a client that lags is conflated further.

// Bounds of what the turns cost.
const (
	maxTick    = 20 * time.Millisecond // turns are rounded up to ticks, so that those of a client's rooms fall together
	ticks      = 16                    // a tick is at most such a part of the time between two values
	dueAtATime = 512                   // turns that are taken before events and commands are looked at again
)

// throttle is one member's wish in one room.
type throttle struct {
	every time.Duration
	turns []*turn // one for each type, as they came
}

// turn is when a member gets the next value of one type.
type turn struct {
	client *Client
	of     *throttle
	slot   *slot

	given   *newest       // the newest that is meant for the member; it has got it, or it waits
	waits   int           // index in Hub.due; -1: nothing waits
	number  uint64        // of those that ever waited
	before  *turn         // another one that the client waits for
	behind  *turn         // and another one
	sent    time.Duration // when the last value went; without one the next is never too early
	at      time.Duration // when the next may go
	live    uint64        // 1 if what waits is a live event
	skipped uint64        // live events left out since the last value
}

// newest is the value that members wait for, once for all of them.
type newest struct {
	event          BroadcastEvent // the last of those that were routed together, without what was lost before it
	plain, stamped *Segment       // nil: nobody needed it yet
	skipped        uint64         // live events before it
	missed         uint64         // that were lost before they came here
	live           uint64         // 1 if it is a live event
}

// segment returns the value in the form that a member wants now. The stamp of what is not live says how old it
// is: of one that has waited, anew.
func (n *newest) segment(h *Hub, s *slot, stamped, waited bool) *Segment {
	if stamped && waited && n.event.Kind != State {
		return h.segment([]*BroadcastEvent{&n.event}, s, true)
	}
	to := &n.plain
	if stamped {
		to = &n.stamped
	}
	if *to == nil {
		*to = h.segment([]*BroadcastEvent{&n.event}, s, stamped)
	}
	return *to
}

// newest is the last of the events, for members that get it at their turn.
func (f *forms) newest(c *Client) *newest {
	if f.last == nil {
		f.last = &newest{event: *f.events[len(f.events)-1]}
		f.last.event.Missed = 0
		for _, e := range f.events {
			f.last.missed += uint64(e.Missed)
			f.last.skipped += f.last.live
			f.last.live = 0
			if e.Kind.Live() {
				f.last.live = 1
			}
		}
	}
	if len(f.events) == 1 && f.last.missed == 0 { // it is what others get
		f.of(c)
		f.last.plain, f.last.stamped = f.without, f.with
	}
	return f.last
}

// give gives events that share a segment to one member.
func (h *Hub) give(t *traffic, c *Client, f *forms) {
	if o := t.throttles[c]; o != nil && f.room == nil && !c.closing {
		h.throttle(c, o, f)
		return
	}
	h.hold(c, f.of(c))
}

// throttle gives values to a member at once if it is its turn, and otherwise when that comes.
func (h *Hub) throttle(c *Client, o *throttle, f *forms) {
	t := o.turn(c, f.slot)
	value := f.newest(c)
	if t.given == value {
		return // a snapshot, for one that left and came back
	}
	skipped := t.live + value.skipped // with what waits
	h.stats.Throttled += skipped
	t.given, t.live, t.skipped = value, value.live, t.skipped+skipped+value.missed
	switch {
	case t.waits >= 0:
	case f.now(h) >= t.at:
		h.hold(c, h.take(t, f.now(h)))
	default:
		h.turns++
		t.number = h.turns
		heap.Push(&h.due, t)
		if t.behind = h.waiting[c]; t.behind != nil {
			t.behind.before = t
		}
		h.waiting[c] = t
	}
}

// now is when the events are given.
func (f *forms) now(h *Hub) time.Duration {
	if f.at == 0 {
		f.at = h.opts.Now()
	}
	return f.at
}

// turn returns that of a type.
func (o *throttle) turn(c *Client, s *slot) *turn {
	for _, t := range o.turns {
		if t.slot == s {
			return t
		}
	}
	t := &turn{client: c, of: o, slot: s, waits: -1}
	o.turns = append(o.turns, t)
	return t
}

// take returns what a member gets at its turn, which it does not wait for any more.
func (h *Hub) take(t *turn, now time.Duration) *Segment {
	_, stamped := h.traffic[t.slot.room].wantStamp[t.client]
	waited := t.waits >= 0
	s := t.given.segment(h, t.slot, stamped, waited)
	switch {
	case t.skipped > 0:
		told := &Segment{Data: h.opts.Frame(nil, h.opts.Conflated(t.slot.room, t.skipped)), slot: s.slot, live: s.live, last: s.last, missed: t.skipped, alone: s}
		told.newest = int32(len(told.Data))
		told.Data = append(told.Data, s.Data...)
		s = told
	case waited:
		s = &Segment{Data: s.Data, slot: s.slot, live: s.live, last: s.last} // not as young as it was born
	}
	h.forget(t)
	t.live, t.skipped = 0, 0
	if t.sent = now; waited && now-t.at < t.of.every/2 {
		t.sent = t.at // a late turn does not delay those behind it
	}
	t.at = t.of.next(t.sent)
	return s
}

// next is when the turn comes that follows one.
func (o *throttle) next(sent time.Duration) time.Duration {
	tick := min(o.every/ticks, maxTick)
	return (sent + o.every + tick - 1).Truncate(tick)
}

// forget has a member not wait any more.
func (h *Hub) forget(t *turn) {
	if t.waits < 0 {
		return
	}
	heap.Remove(&h.due, t.waits)
	switch {
	case t.before != nil:
		t.before.behind = t.behind
	case t.behind != nil:
		h.waiting[t.client] = t.behind
	default:
		delete(h.waiting, t.client)
	}
	if t.behind != nil {
		t.behind.before = t.before
	}
	t.before, t.behind = nil, nil
}

// takeDue gives members what they waited for, a few at a time.
func (h *Hub) takeDue() {
	now := h.opts.Now()
	for n := 0; n < dueAtATime && len(h.due) > 0 && h.due[0].at <= now; n++ {
		t := h.due[0]
		h.hold(t.client, h.take(t, now))
	}
	h.flush()
}

// setAlarm sets the timer to the next turn.
func (h *Hub) setAlarm(timer *time.Timer) {
	if at := h.due[0].at; at != h.alarm {
		h.alarm = at
		timer.Reset(at - h.opts.Now())
	}
}

// setThrottle has a member get no more than one value of each type in every.
func (h *Hub) setThrottle(t *traffic, c *Client, every time.Duration) {
	o := t.throttles[c]
	if o == nil {
		if t.throttles == nil {
			t.throttles = map[*Client]*throttle{}
		}
		t.throttles[c] = &throttle{every: every}
		return
	}
	o.every = every
	for _, turn := range o.turns {
		if turn.at = o.next(turn.sent); turn.waits >= 0 {
			heap.Fix(&h.due, turn.waits)
		}
	}
}

// endThrottle has a member get every value again, and what waits with the next delivery.
func (h *Hub) endThrottle(t *traffic, c *Client) {
	o := t.throttles[c]
	if o == nil {
		return
	}
	for _, turn := range o.turns {
		if turn.waits >= 0 {
			c.held.add(h.take(turn, turn.at), 0)
		}
	}
	delete(t.throttles, c)
}

// leaveThrottle has a member that leaves wait for nothing.
func (h *Hub) leaveThrottle(t *traffic, c *Client) {
	o := t.throttles[c]
	if o == nil {
		return
	}
	for _, turn := range o.turns {
		h.stats.Dropped += turn.live
		h.forget(turn)
	}
	delete(t.throttles, c)
}

// takeWaiting gives a client all that it waits for, before it gets nothing more.
func (h *Hub) takeWaiting(c *Client) {
	for t := h.waiting[c]; t != nil; t = h.waiting[c] {
		c.held.add(h.take(t, t.at), 0)
	}
}

// dropWaiting counts and frees all that a client waits for.
func (h *Hub) dropWaiting(c *Client) {
	for t := h.waiting[c]; t != nil; t = h.waiting[c] {
		h.stats.Dropped += t.live
		t.live = 0
		h.forget(t)
	}
}

// dues is who waits for a turn, a heap: the first one's is the next. Of two at the same time the one that
// has waited longer comes first.
type dues []*turn

func (d dues) Len() int { return len(d) }
func (d dues) Less(i, k int) bool {
	return cmp.Or(cmp.Compare(d[i].at, d[k].at), cmp.Compare(d[i].number, d[k].number)) < 0
}
func (d dues) Swap(i, k int) {
	d[i], d[k] = d[k], d[i]
	d[i].waits, d[k].waits = i, k
}

// Push is of heap.Interface.
func (d *dues) Push(t any) {
	add := t.(*turn) //nolint:forcetypeassert // nothing else is pushed
	add.waits = len(*d)
	*d = append(*d, add)
}

// Pop is of heap.Interface.
func (d *dues) Pop() any {
	last := len(*d) - 1
	t := (*d)[last]
	(*d)[last] = nil
	*d, t.waits = (*d)[:last], -1
	return t
}
