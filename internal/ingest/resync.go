package ingest

import (
	"time"

	"backbone/internal/hub"
	"backbone/internal/moment"
	"backbone/internal/partition"
)

// Redis holds a value for its TTL. What was missed during a longer outage only other
// instances know. So an instance that is connected again requests from them anything newer
// than what it has of the rooms with members, and offers what it knows itself. A value
// past its TTL is not stored anywhere, so every instance that knows it would publish it.
// Each of them waits for a random time, and does nothing if another was first. So it is where
// values are stored later, because offers are then published whatever Redis holds: an instance
// offers without a wait only what it has set itself.

// offerState is the offer of a value to other instances.
type offerState struct {
	pending bool // a task offers the value
	done    bool // another instance was first
}

// maxOfferDelay bounds the random time. It is part of the time to heal.
const maxOfferDelay = 500 * time.Millisecond

// beginGeneration begins a generation of the partitions. What was published while
// there was no connection has to be read, and what is known here may be missing there.
func (c *core) beginGeneration(partitions partition.Set) {
	for p := range partitions.Each() {
		c.generation[p]++
	}
	if c.table != nil && c.reading() {
		c.due |= partitions
	}
}

// full reports whether the outbox is too full for offers: it must not drop messages for
// them.
func (c *core) full() bool { return c.out.Bytes() >= c.opts.OutboxBytes/4 }

// catchUp does what a generation asks for in the next partition.
func (c *core) catchUp(now moment.Time) {
	p := c.due.First()
	c.due &^= partition.Only(p)
	for _, r := range c.table.sorted(p) {
		if r.members > 0 {
			r.warm.resyncDue = true
			if c.read(r) == nil {
				c.requestResync(r, now)
			}
		}
		if !c.bridged() {
			continue
		}
		for v := range r.values {
			if v.fresh(now, c.opts.TTL) && (!c.opts.StoredLate || v.version.Instance == c.opts.Instance) {
				c.offer(v)
			} else {
				c.offerLater(v, now)
			}
		}
	}
}

// requestResync has other instances offer values of the room that are newer than the known
// ones, once in a generation, or once a read has found nothing. It comes after the read. While Redis holds a value, an
// offer of the same value is not published. An instance that requested first and read
// after the value's end would get neither.
func (c *core) requestResync(r *room, now moment.Time) {
	if !r.warm.resyncDue || !c.bridged() {
		return
	}
	r.warm.resyncDue = false
	for _, typ := range c.opts.Types {
		if r.of(typ) == nil {
			c.request(r, typ, hub.Version{}, now)
		}
	}
	for v := range r.values {
		c.request(r, v.typ, v.version, now)
	}
}

// request asks for values of a room and type that are newer than version.
func (c *core) request(r *room, typ string, version hub.Version, now moment.Time) {
	if version.Instance == "" {
		version.Instance = c.opts.Instance // a version has one
	}
	c.out.Add(&hub.BroadcastEvent{Room: r.name, Type: typ, Payload: "{}", Kind: hub.Resync, Version: version, Born: now.Steady})
}

// onResync reacts to another instance's request for values newer than the one it has.
func (c *core) onResync(e *hub.BroadcastEvent, now moment.Time) {
	if c.table == nil {
		return
	}
	if v := c.table.find(e.Room).of(e.Type); v != nil && v.version.Compare(e.Version) > 0 {
		c.offerLater(v, now)
	}
}

// offerLater has v offered to other instances, unless another instance is first.
func (c *core) offerLater(v *value, now moment.Time) {
	v.offer.done = false // an offer from before the request does not count
	if v.offer.pending {
		return
	}
	v.offer.pending = true
	c.agenda.add(now.Steady+c.opts.Delay(maxOfferDelay), task{room: v.room, value: v, duty: offerLater})
}

// offer has the bridge publish v as it is, for instances that have an older value.
func (c *core) offer(v *value) {
	c.out.Add(&hub.BroadcastEvent{
		Room: v.room.name, Type: v.typ, Payload: v.payload, Kind: hub.Recovered, Version: v.version, Born: v.born,
		Seq: v.number, At: v.at, Life: v.life,
	})
	c.stats.Reoffered++
}

// maxTasks is how many tasks are done in one step.
const maxTasks = 1000

// next is when tasks has something to do.
func (c *core) next() time.Duration {
	if c.due != 0 && !c.full() {
		return immediately
	}
	if c.table != nil {
		return min(c.table.rotates(versionLife*c.opts.TTL), c.agenda.next())
	}
	return c.agenda.next()
}

// tasks does a bounded part of what is due, because other inputs must not wait for all of
// it.
func (c *core) tasks(now moment.Time) (pass []hub.BroadcastEvent) {
	if c.due != 0 && !c.full() {
		c.catchUp(now)
	}
	c.rotate(now)
	for range maxTasks {
		t := c.agenda.take(now.Steady)
		if t == nil {
			break
		}
		pass = c.do(t, now, pass)
	}
	return pass
}

func (c *core) do(t *task, now moment.Time, pass []hub.BroadcastEvent) []hub.BroadcastEvent {
	switch t.duty {
	case lookAt:
		return c.lookAt(t.room, now, pass)
	case offerLater:
		v := t.value
		v.offer.pending = false
		switch {
		case v.offer.done:
		case c.full():
			c.offerLater(v, now)
		default:
			c.offer(v)
		}
	case reread:
		t.room.warm.rereading = false
		if t.room.members > 0 {
			c.read(t.room)
		}
	case leaveRoom:
		c.leaveRoom(t.room, now)
	}
	return pass
}
