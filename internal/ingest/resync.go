package ingest

import (
	"time"

	"backbone/internal/hub"
	"backbone/internal/partition"
)

// Redis holds a value for its TTL; what was missed during a longer outage only other
// instances know. So an instance that is linked anew asks them for anything newer than
// what it has of the rooms with members, and offers what it knows itself. A value past
// its TTL is nowhere stored, so everyone who knows it would publish it: each holder
// waits for a random time, and keeps quiet if another was first.

// maxOfferDelay bounds that time. It is part of the time to heal.
const maxOfferDelay = 500 * time.Millisecond

// beginGeneration begins a generation of the partitions: what was published while
// there was no link has to be read, and what is known here may be missing there.
func (c *core) beginGeneration(partitions partition.Set) {
	for p := range partitions.Each() {
		c.generation[p]++
	}
	if c.table != nil && c.bridged() {
		c.due |= partitions
	}
}

// full reports whether the outbox has better to do than to offer again: it must not
// drop messages for that.
func (c *core) full() bool { return c.out.Bytes() >= c.opts.OutboxBytes/4 }

// catchUp does what a generation asks for in the next partition.
func (c *core) catchUp(now time.Time) {
	p := c.due.First()
	c.due &^= partition.Only(p)
	for _, v := range c.table.sorted(p) {
		if v.members > 0 {
			v.wanting = true
			if c.read(v) == nil {
				c.requestResync(v, now)
			}
		}
		if v.alive(now, c.opts.TTL) {
			c.offer(v)
		} else {
			c.offerLater(v, now)
		}
	}
}

// requestResync has other instances offer values of the room that are newer than v, once after a
// new link. It comes after the read: while Redis holds a value, an offer of the same is
// not published, so who asked first and read after the value's end would get neither.
func (c *core) requestResync(v *value, now time.Time) {
	if !v.wanting {
		return
	}
	v.wanting = false
	version := v.version
	if !v.known() {
		version.Instance = c.opts.Instance // a version has one
	}
	c.out.Add(&hub.BroadcastEvent{Room: v.room, Payload: "{}", Kind: hub.Resync, Version: version, Born: now.UnixNano()})
}

// offerLater has v's value offered to other instances, unless another is first.
func (c *core) offerLater(v *value, now time.Time) {
	v.answered = false // an answer from before is none to who asks now
	if v.answering || !v.known() || !c.bridged() {
		return
	}
	v.answering = true
	c.agenda.add(now.Add(c.opts.Delay(maxOfferDelay)).UnixNano(), v, offerLater)
}

// onResync answers another instance that wants values newer than the one it has.
func (c *core) onResync(e *hub.BroadcastEvent, now time.Time) {
	if c.table == nil {
		return
	}
	if v := c.table.find(e.Room); v != nil && v.version.Compare(e.Version) > 0 {
		c.offerLater(v, now)
	}
}

// offer has the bridge publish v's value as it is, for those who have an older one.
func (c *core) offer(v *value) {
	c.out.Add(&hub.BroadcastEvent{Room: v.room, Payload: v.payload, Kind: hub.Recovered, Version: v.version, Born: v.born, Seq: v.number})
	c.stats.Reoffered++
}

// maxTasks is how many tasks are done at once.
const maxTasks = 1000

// next is when tasks has something to do, in Unix nanoseconds, 0 for never.
func (c *core) next() int64 {
	if c.due != 0 && !c.full() {
		return 1 // at once
	}
	return c.agenda.next()
}

// tasks does what is due, a bounded part of it at a time: other inputs must not wait
// for all.
func (c *core) tasks(now time.Time) (pass []hub.BroadcastEvent) {
	if c.due != 0 && !c.full() {
		c.catchUp(now)
	}
	for range maxTasks {
		t := c.agenda.take(now.UnixNano())
		if t == nil {
			break
		}
		pass = c.do(t, now, pass)
	}
	return pass
}

func (c *core) do(t *task, now time.Time, pass []hub.BroadcastEvent) []hub.BroadcastEvent {
	v := t.value
	switch t.duty {
	case lookAt:
		return c.lookAt(v, now, pass)
	case offerLater:
		v.answering = false
		switch {
		case v.answered:
		case c.full():
			c.offerLater(v, now)
		default:
			c.offer(v)
		}
	case reread:
		v.again = false
		if v.members > 0 {
			c.read(v)
		}
	}
	return pass
}
