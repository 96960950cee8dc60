package bridge

import (
	"slices"
	"time"

	"backbone/internal/bridge/wire"
	"backbone/internal/hub"
	"backbone/internal/partition"
)

// bundle is events that are published as one Redis message, or values that are only stored.
type bundle struct {
	partitions partition.Set // those that the channel is of
	channel    string        // "": nothing is published
	events     []hub.BroadcastEvent
	bytes      int // that the message has, about
}

// eventBytes is what an event takes in a message besides its texts, about.
const eventBytes = 120

// bundler turns events into bundles. It holds no state.
type bundler struct {
	names wire.Names
	ttl   time.Duration
	whole bool // a bundle is for all partitions
	mute  bool // what it stores was published before: the channels are ""
}

// late makes of live values that waited for longer than they live what they are by now, values
// that others have missed and no ticks. Of each room and type only the newest counts. It
// changes the events in place, and says how many it left out.
func (c bundler) late(events []hub.BroadcastEvent, now time.Duration) (kept []hub.BroadcastEvent, leftOut int) {
	isLate := func(e *hub.BroadcastEvent) bool { return c.ttl > 0 && e.Kind == hub.State && now-e.Born >= c.ttl }
	if !slices.ContainsFunc(events, func(e hub.BroadcastEvent) bool { return isLate(&e) }) {
		return events, 0
	}
	newer := map[slot]bool{} // has a value behind
	at := len(events)
	for _, e := range slices.Backward(events) {
		of := slot{e.Room, e.Type}
		if isLate(&e) {
			if newer[of] {
				leftOut++
				continue
			}
			e.Kind = hub.Recovered
		}
		newer[of] = newer[of] || e.Kind.Value()
		at--
		events[at] = e
	}
	return events[at:], leftOut
}

// bundles divides events into bundles. Unless a message is for all partitions, each bundle is of
// one. The order in each partition stays.
func (c bundler) bundles(events []hub.BroadcastEvent) (done []bundle) {
	channel := func(name string) string {
		if c.mute {
			return ""
		}
		return name
	}
	if c.whole {
		return c.cut(nil, events, partition.All, channel(c.names.AllEvents()))
	}
	parts := divide(events)
	for p, part := range parts {
		if len(part) > 0 {
			done = c.cut(done, part, partition.Only(p), channel(c.names.Events(p)))
		}
	}
	return done
}

// cut appends bundles of at most so many bytes and events.
func (c bundler) cut(done []bundle, events []hub.BroadcastEvent, of partition.Set, channel string) []bundle {
	begin, bytes := 0, 0
	for i := range events {
		e := &events[i]
		n := len(e.Room) + len(e.Type) + len(e.Payload) + len(e.Version.Instance) + eventBytes
		if i > begin && (bytes+n > maxCallBytes || i-begin == maxCallEvents) {
			done = append(done, bundle{of, channel, events[begin:i], bytes})
			begin, bytes = i, 0
		}
		bytes += n
	}
	if begin < len(events) {
		done = append(done, bundle{of, channel, events[begin:], bytes})
	}
	return done
}

// divide returns the events of each partition, in order.
func divide(events []hub.BroadcastEvent) (parts [partition.Count][]hub.BroadcastEvent) {
	of := make([]uint8, len(events))
	var count [partition.Count]int
	for i := range events {
		of[i] = uint8(partition.Of(events[i].Room))
		count[of[i]]++
	}
	all := make([]hub.BroadcastEvent, len(events))
	for p, n := range count {
		parts[p], all = all[:0:n], all[n:]
	}
	for i := range events {
		parts[of[i]] = append(parts[of[i]], events[i])
	}
	return parts
}

// Bounds of what is sent together.
const (
	maxCallBytes      = 256 << 10 // of the messages of one call; what it stores can be as much again
	maxCallEvents     = 1000      // of one call; Lua accepts several thousand keys at most
	maxRoundTripBytes = 512 << 10 // of the messages of one round trip; heartbeats pass between two
)

// call is one run of a script that writes, for bundles of different partitions.
type call []bundle

func (c call) events() (n int) {
	for i := range c {
		n += len(c[i].events)
	}
	return n
}

func (c call) bytes() (n int) {
	for i := range c {
		n += c[i].bytes
	}
	return n
}

// partitions are those of the bundles.
func (c call) partitions() (set partition.Set) {
	for i := range c {
		set |= c[i].partitions
	}
	return set
}

// roundTrip is the calls that are sent together. A partition has one call in it at most: a
// call that has to be repeated alone then overtakes no other call of its partition.
type roundTrip []call

// roundTrips divides bundles into calls and round trips, and keeps their order. A round trip
// has no more bytes than a heartbeat should wait for. With together, a call is for as many
// partitions as fit into it; otherwise each call is for one.
func roundTrips(bundles []bundle, together bool) (out []roundTrip) {
	var open roundTrip
	bytes, seen := 0, partition.Set(0)
	for i := range bundles {
		b := &bundles[i]
		if len(open) > 0 && (seen&b.partitions != 0 || bytes+b.bytes > maxRoundTripBytes) {
			out, open, bytes, seen = append(out, open), nil, 0, 0
		}
		seen |= b.partitions
		bytes += b.bytes
		if last := len(open) - 1; together && last >= 0 && open[last].fits(b) {
			open[last] = append(open[last], *b)
		} else {
			open = append(open, call{*b})
		}
	}
	if len(open) > 0 {
		out = append(out, open)
	}
	return out
}

// fits reports whether b fits into the call.
func (c call) fits(b *bundle) bool {
	return c.bytes()+b.bytes <= maxCallBytes && c.events()+len(b.events) <= maxCallEvents
}

// without returns the calls for other partitions, where each call is for one.
func (r roundTrip) without(partitions partition.Set) roundTrip {
	if partitions == 0 {
		return r
	}
	return slices.DeleteFunc(slices.Clone(r), func(c call) bool { return c.partitions()&partitions != 0 })
}

func (r roundTrip) events() (n int) {
	for _, c := range r {
		n += c.events()
	}
	return n
}
