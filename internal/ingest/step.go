package ingest

import (
	"time"

	"backbone/internal/hub"
	"backbone/internal/moment"
	"backbone/internal/partition"
)

// Steps is ingest without its goroutine and clock. Each method immediately does what Run
// would do with one input at the given time, and returns what Run would hand to the hub.
// It is for simulations, which choose every step. One goroutine uses it.
type Steps struct {
	core      *core
	producers map[string]*producer // by name
}

// NewSteps returns an ingest to be driven step by step. Options.Hub is not used, and of
// Options.Outbox and Options.Reads only whether there is one.
func NewSteps(opts Options, now moment.Time) Steps {
	return Steps{newCore(New(opts).opts, now), map[string]*producer{}}
}

// Publish is [Publisher.Publish] of the one connection of a producer.
func (s Steps) Publish(from string, events []hub.BroadcastEvent, now moment.Time) (pass []hub.BroadcastEvent, rejected []int) {
	p := s.producers[from]
	if p == nil {
		p = &producer{name: from}
		s.producers[from] = p
	}
	return s.core.publish(p, events, now)
}

// Watch is [Ingest.Watch].
func (s Steps) Watch(rooms []string, wants hub.Wants, now moment.Time) []hub.BroadcastEvent {
	return s.core.watch(rooms, wants, now)
}

// Unwatch is [Ingest.Unwatch].
func (s Steps) Unwatch(rooms []string, groups map[string]uint32) { s.core.unwatch(rooms, groups) }

// Remote is [FromBridge.Remote].
func (s Steps) Remote(events []hub.BroadcastEvent, now moment.Time) []hub.BroadcastEvent {
	return s.core.remote(events, now)
}

// LastPrices is [FromBridge.LastPrices].
func (s Steps) LastPrices(rooms []string, found []hub.BroadcastEvent, failed bool, now moment.Time) []hub.BroadcastEvent {
	return s.core.lastPrices(rooms, found, failed, now)
}

// Generation is [FromBridge.Generation].
func (s Steps) Generation(partitions partition.Set) { s.core.beginGeneration(partitions) }

// ForeignClock is [FromBridge.Clock].
func (s Steps) ForeignClock(clock uint64, now moment.Time) { s.core.observe(clock, now) }

// Clock is [Ingest.Clock].
func (s Steps) Clock() uint64 { return s.core.clock.last }

// Outbox is the batch that is offered to the bridge.
func (s Steps) Outbox() []hub.BroadcastEvent { return s.core.out.Events() }

// TakeOutbox returns the batch as the bridge receives it.
func (s Steps) TakeOutbox() []hub.BroadcastEvent {
	batch := s.core.out.Events()
	s.core.outboxSent()
	return batch
}

// TakeReads returns the rooms to be read as the bridge receives them, nil if there are none.
func (s Steps) TakeReads() []string {
	rooms := s.core.nextReads()
	s.core.readsSent()
	return rooms
}

// NextTask is when Tasks has something to do, a moment.Time's Steady. Far ahead means never.
func (s Steps) NextTask() time.Duration { return s.core.next() }

// Tasks does what is due.
func (s Steps) Tasks(now moment.Time) []hub.BroadcastEvent { return s.core.tasks(now) }

// Newest is the newest value of a room and type that is known, and its version; zero if none is.
func (s Steps) Newest(room, typ string) (hub.Version, string) {
	if v := s.core.table.peek(room).of(typ); v != nil && v.known() {
		return v.version, v.payload
	}
	return hub.Version{}, ""
}

// Stats is [Ingest.Stats].
func (s Steps) Stats() Stats { return s.core.count() }
