package ingest

import (
	"context"
	"slices"
	"time"

	"backbone/internal/credit"
	"backbone/internal/hub"
	"backbone/internal/moment"
	"backbone/internal/partition"
)

// RoomState is what is known of a room.
type RoomState struct {
	Room    string
	Members int // of this instance
	Values  []ValueState
}

// ValueState is the newest event of a type in a room.
type ValueState struct {
	Type    string
	Version hub.Version
	Seq     uint64        // number among its instance's live events of the room and type; 0: unknown
	At      int64         // time of ingestion by its instance's clock, Unix milliseconds; 0: unknown
	Age     time.Duration // since its ingestion
	Payload string        // "": it is too old for a new member
}

// HasTable reports whether rooms are known here at all: without last prices they are not.
func (in *Ingest) HasTable() bool { return in.opts.TTL > 0 }

// Rooms returns the first names of the rooms of which keep holds, in order, at most limit of them, and how
// many such rooms there are. keep gets each room that has members or of which a value is known. With priced only
// rooms count that have a price: a value that no later one has ended. keep must be quick, and the same each time:
// it may be called after Rooms has returned an error. Events are ordered in between, one partition of rooms at a
// time, and pause is called. The error is that of ctx, or ErrStopped.
func (in *Ingest) Rooms(ctx context.Context, keep func(room string) bool, priced bool, limit int, pause func()) (first []string, total int, err error) {
	for p := range partition.Count {
		var some []string // its own, because a look can come after ctx has ended
		if err := in.look(ctx, func(c *core, _ moment.Time) { some = c.table.names(p, keep, priced) }); err != nil {
			return nil, 0, err
		}
		total += len(some)
		if first = append(first, some...); len(first) > 2*limit {
			first = firstOf(first, limit)
		}
		pause()
	}
	return firstOf(first, limit), total, nil
}

// firstOf sorts names, in place, and returns the first ones.
func firstOf(names []string, limit int) []string {
	slices.Sort(names)
	return names[:min(len(names), limit)]
}

// States returns what is known of rooms. One that is not known any more has no values.
func (in *Ingest) States(ctx context.Context, rooms []string) ([]RoomState, error) {
	var all []RoomState
	for some := range slices.Chunk(rooms, roomsPerInput) {
		states := make([]RoomState, 0, len(some))
		if err := in.look(ctx, func(c *core, now moment.Time) {
			for _, name := range some {
				states = append(states, c.table.state(name, c.opts.TTL, now))
			}
		}); err != nil {
			return nil, err
		}
		all = append(all, states...)
	}
	return all, nil
}

// RemoteLag returns how old live prices of other instances were when they came, one of each message, by
// the clocks of both instances. A clock that is behind makes some of them 0.
func (in *Ingest) RemoteLag() *credit.Ages { return &in.lag }

// measure takes the age of the last live value of a message.
func (c *core) measure(events []hub.BroadcastEvent, now moment.Time) {
	if c.lag == nil || len(events) == 0 {
		return
	}
	if last := &events[len(events)-1]; last.Kind == hub.State && last.At > 0 {
		c.lag.Observe(max(0, time.Duration(now.UnixMS-last.At)*time.Millisecond))
	}
}

// look has f look at what Run owns. If ctx ends first, f may be called later.
func (in *Ingest) look(ctx context.Context, f func(*core, moment.Time)) error {
	looked := make(chan struct{})
	select {
	case in.members <- input{kind: look, look: f, flush: looked}: // by turns with events
	case <-in.done:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-looked:
		return nil
	case <-in.done:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
}

// names returns the rooms of a partition of which keep holds, in no order: with priced those that have a price.
func (t *table) names(p int, keep func(room string) bool, priced bool) (names []string) {
	part := &t.parts[p]
	for _, rooms := range []map[string]*room{part.watched, part.recent.rooms, part.old.rooms} {
		for name, r := range rooms {
			if keep(name) && (!priced || r.priced()) {
				names = append(names, name)
			}
		}
	}
	return names
}

// state is what is known of a room.
func (t *table) state(name string, ttl time.Duration, now moment.Time) RoomState {
	s := RoomState{Room: name}
	r := t.peek(name)
	if r == nil {
		return s
	}
	s.Members = int(r.members)
	for v := range r.values {
		if !v.known() {
			continue
		}
		value := ValueState{Type: v.typ, Version: v.version, Seq: v.number, At: v.at, Age: now.Since(v.born)}
		if v.alive(now, ttl) {
			value.Payload = v.payload
		}
		s.Values = append(s.Values, value)
	}
	return s
}
