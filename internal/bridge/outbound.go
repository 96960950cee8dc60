package bridge

import (
	"strconv"
	"time"

	"backbone/internal/hub"
	"backbone/internal/partition"
)

// Bounds of what is sent at once.
const (
	maxCallBytes  = 256 << 10 // one script call, and so one Redis message
	maxCallEvents = 1000      // one script call; Lua takes several thousand keys at most
	maxTripBytes  = 1 << 20   // one round trip: heartbeats pass between two
)

// parcel is a bundle to be: events of one partition, for one Redis message.
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
func (c call) partitions() (set partition.Set) {
	for i := range c {
		set |= partition.Only(c[i].partition)
	}
	return set
}

// script is what the write script takes.
func (c call) script() (keys, args []string) {
	for i := range c {
		p := &c[i]
		keys = append(keys, p.keys...)
		args = append(args, p.channel, p.head, strconv.Itoa(len(p.keys)), strconv.Itoa(p.events))
		args = append(args, p.args...)
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
	var open [partition.Count]*builder
	for i := range batch {
		e := &batch[i]
		p := partition.Of(e.Room)
		if b := open[p]; b != nil && (b.bytes+len(e.Payload) > maxCallBytes || b.events == maxCallEvents) {
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
// no more bytes than a heartbeat should wait for. together has a call be for as many
// partitions as it may; else each is for one.
func trips(parcels []parcel, together bool) (out [][]call) {
	var trip []call
	bytes, seen := 0, partition.Set(0)
	for i := range parcels {
		p := &parcels[i]
		if len(trip) > 0 && (seen.Has(p.partition) || bytes+p.bytes > maxTripBytes) {
			out, trip, bytes, seen = append(out, trip), nil, 0, 0
		}
		seen |= partition.Only(p.partition)
		bytes += p.bytes
		if last := len(trip) - 1; together && last >= 0 && trip[last].takes(p) {
			trip[last] = append(trip[last], *p)
		} else {
			trip = append(trip, call{*p})
		}
	}
	if len(trip) > 0 {
		out = append(out, trip)
	}
	return out
}

// takes reports whether p fits into the call.
func (c call) takes(p *parcel) bool {
	return c.bytes()+p.bytes <= maxCallBytes && c.events()+p.events <= maxCallEvents
}

func countEvents(trips ...[]call) (n int) {
	for _, trip := range trips {
		for _, c := range trip {
			n += c.events()
		}
	}
	return n
}
