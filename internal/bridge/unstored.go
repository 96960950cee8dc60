package bridge

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/rueidis"

	"backbone/internal/awake"
	"backbone/internal/hub"
	"backbone/internal/partition"
)

// maxUnstored bounds the values that were published and not stored, bytes of payloads and
// overhead.
const maxUnstored = 4 << 20

// unstored holds the newest value of each room and type that was published and not stored.
type unstored struct {
	every  time.Duration // how often they are stored; 0: with their publishing
	due    <-chan time.Time
	index  map[slot]int
	values []hub.BroadcastEvent
	bytes  int
}

// storesLater reports whether values are published at once and stored later.
func (x *session) storesLater() bool { return x.shared.opts.StoreInterval > 0 && x.shared.opts.TTL > 0 }

// add takes over the values of events, but those of some partitions.
func (u *unstored) add(events []hub.BroadcastEvent, not partition.Set) {
	for i := range events {
		e := &events[i]
		if !e.Kind.Value() || not != 0 && not.Has(partition.Of(e.Room)) {
			continue
		}
		at, known := u.index[slot{e.Room, e.Type}]
		switch {
		case !known:
			if u.values == nil {
				u.index, u.due = map[slot]int{}, time.After(u.every)
			}
			u.index[slot{e.Room, e.Type}] = len(u.values)
			u.values = append(u.values, *e)
			u.bytes += len(e.Payload) + eventBytes
		case e.Version.Compare(u.values[at].Version) > 0:
			u.bytes += len(e.Payload) - len(u.values[at].Payload)
			u.values[at] = *e
		}
	}
}

// take returns the values, which are no longer held.
func (u *unstored) take() []hub.BroadcastEvent {
	values := u.values
	*u = unstored{every: u.every}
	return values
}

// store stores values that were published before. What it can not store is offered again: it
// returns the partitions concerned, ends the session, or leaves it to the generation with which
// another master begins.
func (x *session) store(ctx context.Context, with *composer, values *unstored) (refused partition.Set, err error) {
	to := bundler{names: x.shared.names, ttl: x.shared.opts.TTL, whole: x.conns.together, mute: true}
	for _, trip := range roundTrips(to.bundles(values.take()), x.conns.together) {
		timed, cancel := awake.WithTimeout(ctx, x.shared.opts.CallTimeout)
		answers, reloaded, err := x.conns.write(timed, with, trip)
		cancel()
		for i, a := range answers {
			no, answered := rueidis.IsRedisErr(a.err)
			switch {
			case a.err == nil:
				x.found(a.written)
			case answered && x.shared.bySlot && elsewhere(no):
				x.shared.count.storeFailed.Add(1)
				if no.IsClusterDown() {
					x.failsToStore(no.Error()) // the probe says when all is offered again
				} else {
					refused |= trip[i].partitions()
					x.stalled.partitions |= trip[i].partitions()
				}
			case err == nil:
				err = fmt.Errorf("store: %w", a.err)
			}
			if a.demoted() && err == nil {
				err = errors.New("store: the server became a replica")
			}
		}
		if err == nil && reloaded {
			err = x.forgotten(ctx)
		}
		if err != nil {
			return refused, err
		}
	}
	return refused, nil
}

// stalledAfter is for how many heartbeats a slot may be on its way before that is told.
const stalledAfter = 5

// stalled is the partitions whose slots are on their way to another master, as far as a call was
// refused for it: their values are published and not stored. A migration that ended early leaves
// them so for good.
type stalled struct {
	partitions partition.Set
	beats      [partition.Count]int // for how many each of them has been asked for
	told       bool
}

// slotsOnTheWay asks with each heartbeat whether such slots have arrived, tells once that some do
// not, and then once that all did. Another master may have them by then.
func (x *session) slotsOnTheWay(ctx context.Context) error {
	if x.stalled.partitions == 0 {
		return nil
	}
	timed, cancel := awake.WithTimeout(ctx, x.shared.opts.CallTimeout)
	defer cancel()
	var arrived partition.Set
	for p := range x.stalled.partitions.Each() {
		err := x.conns.stores(timed, x.shared.names.NoLast(p))
		no, answered := rueidis.IsRedisErr(err)
		switch {
		case err != nil && !answered:
			return fmt.Errorf("outbox: %w", err)
		case answered && no.IsClusterDown():
			return nil // it does not say where slots are
		case !elsewhere(err) || movedAway(err):
			arrived |= partition.Only(p)
		}
	}
	switch long, over := x.stalled.beat(arrived); {
	case long > 0:
		x.shared.log.Warn("redis does not store last prices of slots that stay on their way to another master: end their migration, or run redis-cli --cluster fix",
			"shard", x.shard.name, "partitions", long)
	case over:
		x.shared.log.Info("redis has no slots on their way any more", "shard", x.shard.name)
	}
	return nil
}

// beat takes out what has arrived. If that is to be told now, it returns how many partitions have been on their way
// for long, or that it is over. A reshard of many slots moves one after the other, none of them for long.
func (s *stalled) beat(arrived partition.Set) (long int, over bool) {
	s.partitions &^= arrived
	for p := range arrived.Each() {
		s.beats[p] = 0
	}
	for p := range s.partitions.Each() {
		if s.beats[p]++; s.beats[p] > stalledAfter {
			long++
		}
	}
	if s.told {
		over = s.partitions == 0
		s.told = !over
		return 0, over
	}
	s.told = long > 0
	return long, false
}
