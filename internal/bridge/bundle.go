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
		name := channel(c.names.AllEvents())
		if done = cut(nil, events, partition.All, name); len(done) > 1 {
			return apart(events, name)
		}
		return done
	}
	sorted, count := divide(events)
	for p, n := range count {
		if n > 0 {
			done = cut(done, sorted[:n], partition.Only(p), channel(c.names.Events(p)))
		}
		sorted = sorted[n:]
	}
	return done
}

// apart returns bundles of different partitions, which can share a round trip. Only a partition
// that is too much for one bundle has several.
func apart(events []hub.BroadcastEvent, channel string) (done []bundle) {
	sorted, count := divide(events)
	open, begin, end := bundle{channel: channel}, 0, 0
	for p, n := range count {
		if n == 0 {
			continue
		}
		part, of := sorted[end:end+n], partition.Only(p)
		size := bytesOf(part)
		if len(open.events) > 0 && (open.bytes+size > maxCallBytes || len(open.events)+n > maxCallEvents) {
			done = append(done, open)
			open, begin = bundle{channel: channel}, end
		}
		end += n
		if size > maxCallBytes || n > maxCallEvents {
			done = cut(done, part, of, channel)
			begin = end
			continue
		}
		open.partitions |= of
		open.events, open.bytes = sorted[begin:end], open.bytes+size
	}
	if len(open.events) > 0 {
		done = append(done, open)
	}
	return done
}

// cut appends bundles of at most so many bytes and events.
func cut(done []bundle, events []hub.BroadcastEvent, of partition.Set, channel string) []bundle {
	begin, bytes := 0, 0
	for i := range events {
		n := bytesOf(events[i : i+1])
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

// bytesOf is what events take in a message, about.
func bytesOf(events []hub.BroadcastEvent) (n int) {
	for i := range events {
		e := &events[i]
		n += len(e.Room) + len(e.Type) + len(e.Payload) + len(e.Version.Instance) + eventBytes
	}
	return n
}

// divide returns events sorted by partition, in order otherwise, and how many each partition has.
func divide(events []hub.BroadcastEvent) (sorted []hub.BroadcastEvent, count [partition.Count]int) {
	of := make([]uint8, len(events))
	for i := range events {
		of[i] = uint8(partition.Of(events[i].Room))
		count[of[i]]++
	}
	var next [partition.Count]int
	for p := 1; p < partition.Count; p++ {
		next[p] = next[p-1] + count[p-1]
	}
	sorted = make([]hub.BroadcastEvent, len(events))
	for i := range events {
		sorted[next[of[i]]] = events[i]
		next[of[i]]++
	}
	return sorted, count
}

// Bounds of what is sent together.
const (
	maxCallBytes      = 256 << 10 // of the messages of one call; what it stores can be as much again
	maxCallEvents     = 1000      // of one call; Lua accepts several thousand keys at most
	maxRoundTripBytes = 1 << 20   // of the messages of one round trip; heartbeats pass between two
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
