package ingest

import (
	"errors"
	"time"

	"backbone/internal/backlog"
	"backbone/internal/hub"
	"backbone/internal/partition"
)

// ErrTooManyInstruments is why Publish refuses an event.
var ErrTooManyInstruments = errors.New("this instance keeps no further instruments")

// versionLife is how many times the TTL a version is kept at least after its last
// event, so that an older one can not slip in behind.
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
	out    backlog.Queue // what other instances are to hear, until the bridge takes it
	agenda agenda

	toRead []string                // rooms for the bridge to read
	reads  map[string]*pendingRead // of those and the rooms that it is reading

	// Each is closed when the bridge takes an empty batch: it takes none before the
	// one it took last was sent.
	flushes []chan struct{}

	generation [partition.Count]uint64 // of each partition's link to Redis; 0 never linked
	due        partition.Set           // whose rooms are to be read and offered again
	stats      Stats
	abandoned  uint64 // live events in the outbox when ingest ended
}

func newCore(opts Options, now time.Time) *core {
	c := &core{opts: opts, out: backlog.New(opts.OutboxBytes, outboxMaximum*opts.OutboxBytes), reads: map[string]*pendingRead{}}
	if opts.TTL > 0 {
		c.table = newTable(now)
	}
	return c
}

// bridged reports whether other instances hear what is published here.
func (c *core) bridged() bool { return c.opts.Outbox != nil }

// publish takes local events in. rejected holds the positions of those that were not
// taken; the others are returned in place.
func (c *core) publish(events []hub.BroadcastEvent, now time.Time) (pass []hub.BroadcastEvent, rejected []int) {
	c.rotate(now)
	pass = events[:0]
	var resumed []hub.BroadcastEvent // feeds that were silent
	born := now.UnixNano()
	for i := range events {
		e := &events[i]
		e.Born = born
		var v *value
		if e.Kind == hub.State {
			e.Version = hub.Version{Clock: c.clock.next(now), Instance: c.opts.Instance}
			if c.table != nil {
				if v = c.remember(e); v == nil {
					rejected = append(rejected, i)
					continue
				}
			}
		}
		if c.bridged() {
			c.out.Add(e)
		}
		if v != nil && v.members > 0 {
			e.Missed, v.missed = v.missed, 0
			resumed = c.heardFrom(v, born, now, resumed)
		}
		if len(rejected) > 0 {
			events[len(pass)] = *e
		}
		pass = pass[:len(pass)+1]
	}
	c.stats.Published += uint64(len(pass))
	c.stats.TooMany += uint64(len(rejected))
	return append(pass, resumed...), rejected
}

// remember makes a local event the newest value of its room. It returns what is known
// of the room, or nil if there is no place for a further one.
func (c *core) remember(e *hub.BroadcastEvent) *value {
	v := c.table.find(e.Room)
	if v == nil || !v.known() {
		if c.table.known >= c.opts.MaxInstruments {
			return nil
		}
		if v == nil {
			v = c.table.add(e.Room)
		}
	}
	v.seq++
	e.Room, e.Seq = v.room, v.seq
	v.heard = c.generation[v.partition]
	c.table.set(v, e)
	return v
}

func (c *core) rotate(now time.Time) {
	if c.table != nil {
		c.table.rotate(now, versionLife*c.opts.TTL)
	}
}

// remote admits what is newer than the newest known, and counts the rest.
func (c *core) remote(events []hub.BroadcastEvent, now time.Time) (pass []hub.BroadcastEvent) {
	c.rotate(now)
	pass = events[:0]
	var resumed []hub.BroadcastEvent // feeds that were silent
	for i := range events {
		e := &events[i]
		if e.Kind == hub.Message {
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
			c.stats.Stale++ // whether it is newer, only a table would tell
		default:
			var newer bool
			if newer, resumed = c.admit(e, now, resumed); newer {
				pass = append(pass, *e)
			}
		}
	}
	c.stats.Remote += uint64(len(events))
	return append(pass, resumed...)
}

// admit makes a remote value the newest of its room if it is newer than what is known.
// It reports whether local members are to hear it.
func (c *core) admit(e *hub.BroadcastEvent, now time.Time, resumed []hub.BroadcastEvent) (pass bool, _ []hub.BroadcastEvent) {
	v := c.table.find(e.Room)
	if v == nil {
		if c.table.known >= c.opts.MaxInstruments {
			c.stats.Untracked++ // nobody here has joined the room, or it would be in the table
			return false, resumed
		}
		v = c.table.add(e.Room)
	}
	order := e.Version.Compare(v.version)
	if order >= 0 {
		v.answered = true
	}
	if v.members > 0 {
		lost, fresh := v.advance(e)
		v.missed += lost
		c.stats.Lost += lost
		if fresh && order <= 0 {
			v.missed++ // it came, but too late to be passed on
		}
		if e.Kind == hub.State {
			resumed = c.heardFrom(v, e.Born, now, resumed)
		}
	}
	if order <= 0 {
		c.stats.Stale++
		return false, resumed
	}
	v.heard = c.generation[v.partition]
	c.replace(v, e)
	// A member that the hub has and that is not counted in here yet may have got a local
	// value already, so that no warm start reaches it: it must hear what is newer.
	return v.members > 0 || v.seq > 0, resumed
}

// replace makes a value that came from elsewhere the newest of its room, and e what the
// members hear of it: a recovered value is marked as the current one, not a tick.
func (c *core) replace(v *value, e *hub.BroadcastEvent) {
	c.table.set(v, e)
	e.Missed, v.missed = v.missed, 0
	if e.Kind == hub.Recovered {
		e.Payload = c.opts.Snapshot(e.Payload)
	}
}

// observe moves the clock past one that was seen elsewhere.
func (c *core) observe(seen uint64, now time.Time) {
	if c.clock.observe(seen, now, c.opts.Logger) {
		c.stats.ClockSkew++
	}
}

// outboxSent says that the bridge took the batch. What had no place in it is offered
// again, with all of its partition.
func (c *core) outboxSent() {
	if c.table != nil {
		c.due |= c.out.Lost()
	}
	c.out.Taken()
}

// abandon counts the live events that the bridge did not take before the end.
func (c *core) abandon() {
	for i := range c.out.Events() {
		if c.out.Events()[i].Kind.Live() {
			c.abandoned++
		}
	}
	c.out.Taken()
}

// flushed says that the bridge took an empty batch.
func (c *core) flushed() {
	for _, f := range c.flushes {
		close(f)
	}
	c.flushes = nil
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
