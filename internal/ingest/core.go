package ingest

import (
	"errors"
	"strings"
	"time"

	"backbone/internal/backlog"
	"backbone/internal/credit"
	"backbone/internal/hub"
	"backbone/internal/moment"
	"backbone/internal/partition"
)

// ErrTooManyInstruments is why Publish rejects an event.
var ErrTooManyInstruments = errors.New("this instance keeps no further instruments of this producer")

// versionLife is how long a version is kept after its last event, in TTLs, at least. Without
// it an older event would be taken for a newer one.
const versionLife = 10

// outboxMaximum is how many times its bound the outbox holds at most, however many rooms
// have a value in it.
const outboxMaximum = 4

// core is ingest without goroutine, clock or channel: each method takes one input and
// the time, and returns the events to hand to the hub. What it does never depends on
// the order of a map.
type core struct {
	opts   Options
	clock  clock
	table  *table        // nil: no warm starts
	counts counts        // of local events, where there is no table
	out    backlog.Queue // what other instances are to get, until the bridge takes it
	agenda agenda

	toRead  []string                // rooms for the bridge to read
	reads   map[string]*pendingRead // reads of the rooms in toRead and of those the bridge is reading
	toLeave []string                // rooms for an edge to leave upstream

	lag *credit.Ages // nil: not measured

	// Each is closed when the bridge takes an empty batch. It takes a batch only when it
	// has sent the one before.
	flushes []chan struct{}

	parts []*value // whose payloads are parts of longer texts, until the end of the step

	generation  [partition.Count]uint64 // of each partition's connection to Redis; 0: never connected
	due         partition.Set           // partitions whose rooms are to be read and offered again
	stats       Stats
	placesQuiet time.Duration // that instruments have no place is not logged before, a moment.Time's Steady
	contests    contests
	abandoned   uint64 // live events in the outbox when ingest ended
}

func newCore(opts Options, now moment.Time) *core {
	c := &core{opts: opts, out: backlog.New(opts.OutboxBytes, outboxMaximum*opts.OutboxBytes), reads: map[string]*pendingRead{}}
	if opts.TTL > 0 {
		c.table = newTable(opts.Types, now.Steady)
		c.table.priced.wanted = opts.Priced != nil
	} else {
		c.counts = counts{limit: opts.MaxInstruments, recent: map[place]*count{}, rotated: now.Steady}
	}
	return c
}

// bridged reports whether there are other instances that get what this one has.
func (c *core) bridged() bool { return c.opts.Outbox != nil }

// reading reports whether last values are to be read elsewhere.
func (c *core) reading() bool { return c.opts.Reads != nil }

// publish takes events of a local producer. It returns the accepted ones, in place, and the positions of
// the rejected ones.
func (c *core) publish(from *producer, events []hub.BroadcastEvent, now moment.Time) (pass []hub.BroadcastEvent, rejected []int) {
	c.rotate(now)
	pass = events[:0]
	var resumed []hub.BroadcastEvent // feeds that were silent
	var h *holder
	if c.table != nil {
		h = c.table.holder(from.name, false)
	}
	for i := range events {
		e := &events[i]
		e.Born, e.At = now.Steady, now.UnixMS
		var v *value
		if e.Kind == hub.State {
			e.Version = hub.Version{Clock: c.clock.next(now), Instance: c.opts.Instance}
			if c.table != nil {
				if v = c.remember(e, from, h, now); v == nil {
					rejected = append(rejected, i)
					continue
				}
			} else {
				e.Seq, e.Life = c.counts.next(e, now)
			}
		}
		if c.bridged() {
			c.out.Add(e)
		}
		if v != nil && v.room.members > 0 {
			e.Missed = v.missing.take()
			resumed = c.heardFrom(v.room, e.Born, now, resumed)
		}
		if len(rejected) > 0 {
			events[len(pass)] = *e
		}
		pass = pass[:len(pass)+1]
	}
	c.stats.Published += uint64(len(pass))
	if len(rejected) > 0 {
		c.stats.TooMany += uint64(len(rejected))
		c.noPlace(now)
	}
	c.tellContests(now)
	return append(pass, resumed...), rejected
}

// remember makes a local event the newest value of its room and type, and returns the
// value, or nil if there is no place for it.
func (c *core) remember(e *hub.BroadcastEvent, from *producer, h *holder, now moment.Time) *value {
	r := c.table.find(e.Room)
	v := r.of(e.Type)
	ends := c.opts.Ends(e.Payload)
	if v == nil || !v.known() {
		if ends && !c.placeForEnd(r, now) || !ends && !c.place(h, r, now) {
			return nil
		}
		r = c.table.find(e.Room) // if it was past its life, it may have given way itself
		if v = r.of(e.Type); v == nil {
			v = c.table.value(r, e)
		}
	}
	v.seq++
	e.Room, e.Seq, e.Life = v.room.name, v.seq, v.own
	v.heard = c.generation[v.room.partition]
	if !ends {
		c.turn(v, from, now)
	}
	c.table.set(v, e, ends)
	c.table.hold(v, h, now, c.opts.TTL)
	return v
}

func (c *core) rotate(now moment.Time) {
	if c.table != nil {
		c.table.expireAside(now)
		c.table.rotate(now, versionLife*c.opts.TTL)
	}
}

// remote admits values that are newer than the newest known, and counts the others.
func (c *core) remote(events []hub.BroadcastEvent, now moment.Time) (pass []hub.BroadcastEvent) {
	c.rotate(now)
	pass = events[:0]
	var resumed []hub.BroadcastEvent // feeds that were silent
	for i := range events {
		e := &events[i]
		if e.Kind == hub.Message || e.Kind == hub.Lost {
			pass = append(pass, *e)
			continue
		}
		c.observe(e.Version.Clock, now)
		switch {
		case e.Kind == hub.Resync:
			c.onResync(e, now)
		case c.table == nil && e.Kind == hub.State:
			pass = append(pass, *e)
		case c.table == nil:
			c.stats.Stale++ // only a table would tell whether it is newer
		default:
			var newer bool
			if newer, resumed = c.admit(e, now, resumed); newer {
				pass = append(pass, *e)
			}
		}
	}
	c.copyParts()
	c.stats.Remote += uint64(len(events))
	return append(pass, resumed...)
}

// copyLater notes that the payload of a value is a part of a message.
func (c *core) copyLater(v *value) {
	if !v.part {
		v.part = true
		c.parts = append(c.parts, v)
	}
}

// copyParts makes copies of the payloads that this step has kept: one of them would keep the whole
// message that it came in. Most payloads of a step are replaced within it.
func (c *core) copyParts() {
	for i, v := range c.parts {
		v.payload, v.part = strings.Clone(v.payload), false
		c.parts[i] = nil
	}
	c.parts = c.parts[:0]
}

// admit makes a remote value the newest of its room and type if it is newer than the known
// one. It reports whether local members are to get it.
func (c *core) admit(e *hub.BroadcastEvent, now moment.Time, resumed []hub.BroadcastEvent) (pass bool, _ []hub.BroadcastEvent) {
	r := c.table.find(e.Room)
	if c.edge() && (r == nil || r.members == 0) {
		c.stats.Untracked++ // on its way when the room was left
		return false, resumed
	}
	v := r.of(e.Type)
	if v == nil {
		d := c.table.displacedValue(e.Room, e.Type)
		if d != nil && e.Version.Compare(d.version) <= 0 {
			c.stats.Stale++
			return false, resumed
		}
		if !c.hasPlace(r, e, now) {
			if d != nil && d.known() { // or else its room would come back with what is older
				d.heard = c.generation[d.room.partition]
				c.table.set(d, e, c.opts.Ends(e.Payload))
				c.copyLater(d)
			}
			c.stats.Untracked++
			return false, resumed
		}
		v = c.table.value(c.table.find(e.Room), e) // see remember
	}
	order := e.Version.Compare(v.version)
	if order >= 0 {
		v.offer.done = true
	}
	if v.room.members > 0 {
		if c.edge() {
			v.told(e)
		} else {
			c.account(v, e, order)
		}
		if e.Kind == hub.State {
			resumed = c.heardFrom(v.room, e.Born, now, resumed)
		}
	}
	if order <= 0 {
		c.stats.Stale++
		return false, resumed
	}
	v.heard = c.generation[v.room.partition]
	c.copyLater(v)
	if !v.known() && e.Kind == hub.Recovered && (now.Since(e.Born) >= c.opts.TTL && !v.room.missed(e) || c.opts.Ends(e.Payload)) {
		c.adopt(v, e, now) // its members have none: a value past its life greets nobody but who missed it, and what ends one says nothing
		return false, resumed
	}
	c.replace(v, e, now)
	// A member that the hub has and that is not counted here yet may have got a local
	// value already, and must get what is newer even if that is past its TTL by the time
	// of the member's warm start.
	return v.room.members > 0 || v.seq > 0, resumed
}

// maxTypes bounds the types of one room, which are searched one by one.
const maxTypes = 64

// replace makes a value that came from elsewhere the newest of its room and type, and e
// what the members get of it: a recovered value is marked as the current one, not a tick.
func (c *core) replace(v *value, e *hub.BroadcastEvent, now moment.Time) {
	c.adopt(v, e, now)
	e.Missed = v.missing.take()
	if e.Kind == hub.Recovered {
		e.Payload = c.opts.Snapshot(e.Payload)
	}
}

// observe moves the clock past one that was seen elsewhere.
func (c *core) observe(seen uint64, now moment.Time) {
	if c.clock.observe(seen, now, c.opts.Logger) {
		c.stats.ClockSkew++
	}
}

// count returns the counters as they are now.
func (c *core) count() Stats {
	s := c.stats
	if c.table != nil {
		s.Instruments = c.table.known
	}
	s.OutboxEvents, s.OutboxBytes = c.out.Len(), c.out.Bytes()
	left := c.out.LeftOut()
	s.OutboxConflated, s.OutboxDropped = left.Conflated, left.Dropped+c.abandoned
	return s
}

// adopt makes a value that came from elsewhere the newest of its room and type.
func (c *core) adopt(v *value, e *hub.BroadcastEvent, now moment.Time) {
	c.table.set(v, e, c.opts.Ends(e.Payload))
	if !v.heldFor(c.opts.TTL, now) {
		c.table.hold(v, c.table.holder(e.Version.Instance, true), now, c.opts.TTL)
	}
}
