package bridge

import (
	"strconv"
	"time"

	"backbone/internal/hub"
)

// Bounds of what is sent at once.
const (
	maxParcelBytes  = 256 << 10 // one Redis message
	maxParcelEvents = 1000
	maxCallBytes    = 256 << 10 // one script call of several parcels
	maxCallEvents   = 1000      // Lua takes several thousand keys at most
	maxTripBytes    = 1 << 20   // one round trip: heartbeats pass between two
)

// parcel is what one message of a partition is to carry.
type parcel struct {
	partition int
	channel   string
	head      string   // of the envelope
	keys      []string // of rooms with a value, each once
	args      []string // five for each event, see writeScript
	events    int
	bytes     int
}

// call is one run of the write script.
type call []parcel

func (c call) events() (n int) {
	for i := range c {
		n += c[i].events
	}
	return n
}

func (c call) bytes() (n int) {
	for i := range c {
		n += c[i].bytes
	}
	return n
}

// partitions is the set of those that the call is for.
func (c call) partitions() (set uint64) {
	for i := range c {
		set |= 1 << c[i].partition
	}
	return set
}

// script is what the write script takes.
func (c call) script() (keys, args []string) {
	for i := range c {
		b := &c[i]
		keys = append(keys, b.keys...)
		args = append(args, b.channel, b.head, strconv.Itoa(len(b.keys)), strconv.Itoa(b.events))
		args = append(args, b.args...)
	}
	return keys, args
}

// caller turns batches into calls. It holds no state.
type caller struct {
	names  names
	origin string
	ttl    time.Duration
}

// parcels divides a batch by partition, keeping the order in each.
func (c caller) parcels(batch []hub.BroadcastEvent, now int64) []parcel {
	var done []parcel
	var open [Partitions]*builder
	for i := range batch {
		e := &batch[i]
		p := Partition(e.Room)
		if b := open[p]; b != nil && (b.bytes+len(e.Payload) > maxParcelBytes || b.events == maxParcelEvents) {
			done, open[p] = append(done, b.parcel), nil
		}
		if open[p] == nil {
			open[p] = &builder{parcel: parcel{partition: p, channel: c.names.events(p), head: envelopeHead(c.origin) + `"events":[`}}
		}
		c.add(open[p], e, now)
	}
	for _, b := range open {
		if b != nil {
			done = append(done, b.parcel)
		}
	}
	return done
}

// builder is a parcel that more events may go into.
type builder struct {
	parcel
	index map[string]int // of a room's key, from 1
}

func (c caller) add(b *builder, e *hub.BroadcastEvent, now int64) {
	var version string
	key, remaining := 0, int64(0)
	if e.Kind != hub.Message {
		version = e.Version.String()
		if c.ttl > 0 && e.Kind.Value() {
			key = b.key(c.names, e.Room)
			remaining = max(0, (int64(c.ttl)-max(0, now-e.Born))/int64(time.Millisecond))
		}
	}
	head := eventHead(e, version, now)
	b.args = append(b.args, strconv.Itoa(key), version, strconv.FormatInt(remaining, 10), head, e.Payload)
	b.events++
	b.bytes += len(head) + len(version) + len(e.Payload)
}

func (b *builder) key(n names, room string) int {
	i, ok := b.index[room]
	if !ok {
		if b.index == nil {
			b.index = map[string]int{}
		}
		b.keys = append(b.keys, n.lastPrice(room))
		b.bytes += len(room) + len(n.prefix)
		i = len(b.keys)
		b.index[room] = i
	}
	return i
}

// trips divides parcels into calls, and these into round trips: no partition twice in
// one, so that a call that has to be repeated alone overtakes none of its partition, and
// no more bytes than a heartbeat should wait for. Where a server has all partitions, a
// call is for as many as it may, and alone in its round trip; in a cluster it is for one.
func trips(parcels []parcel, sharded bool) (out [][]call) {
	var trip []call
	bytes, seen := 0, uint64(0)
	for i := range parcels {
		b := &parcels[i]
		bit, last := uint64(1)<<b.partition, len(trip)-1
		fits := seen&bit == 0 && bytes+b.bytes <= maxTripBytes
		if last >= 0 && !sharded {
			fits = seen&bit == 0 && bytes+b.bytes <= maxCallBytes && trip[last].events()+b.events <= maxCallEvents
		}
		if last >= 0 && !fits {
			out, trip, bytes, seen = append(out, trip), nil, 0, 0
		}
		if len(trip) > 0 && !sharded {
			trip[0] = append(trip[0], *b)
		} else {
			trip = append(trip, call{*b})
		}
		seen |= bit
		bytes += b.bytes
	}
	if len(trip) > 0 {
		out = append(out, trip)
	}
	return out
}

func countEvents(trips ...[]call) (n int) {
	for _, trip := range trips {
		for _, c := range trip {
			n += c.events()
		}
	}
	return n
}
