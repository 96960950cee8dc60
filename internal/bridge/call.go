package bridge

import (
	"slices"

	"backbone/internal/partition"
)

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
