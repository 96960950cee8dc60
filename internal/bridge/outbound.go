package bridge

import (
	"strconv"
	"time"

	"backbone/internal/hub"
)

// Bounds of what is sent at once.
const (
	maxBundleBytes  = 256 << 10 // one script call, and so one Redis message
	maxBundleEvents = 1000      // one script call; Lua takes several thousand keys at most
	maxGroupBytes   = 1 << 20   // one round trip: heartbeats pass between two
)

// call is one run of the write script: events of one partition.
type call struct {
	partition int
	keys      []string // of rooms with a value, each once
	args      []string // see writeScript
	events    int
	bytes     int
}

// caller turns batches into calls. It holds no state.
type caller struct {
	names  names
	origin string
	ttl    time.Duration
}

// calls divides a batch by partition, keeping the order in each.
func (c caller) calls(batch []hub.BroadcastEvent, now int64) []call {
	var done []call
	var open [Partitions]*builder
	for i := range batch {
		e := &batch[i]
		p := Partition(e.Room)
		if b := open[p]; b != nil && (b.bytes+len(e.Payload) > maxBundleBytes || b.events == maxBundleEvents) {
			done, open[p] = append(done, b.call), nil
		}
		if open[p] == nil {
			open[p] = &builder{call: call{partition: p, args: []string{c.names.events(p), envelopeHead(c.origin) + `"events":[`}}}
		}
		c.add(open[p], e, now)
	}
	for _, b := range open {
		if b != nil {
			done = append(done, b.call)
		}
	}
	return done
}

// builder is a call that more events may go into.
type builder struct {
	call
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

// groups divides calls into round trips: no partition twice in one, so that a call that
// has to be repeated alone overtakes none of its partition, and no more bytes than a
// heartbeat should wait for.
func groups(calls []call) (out [][]call) {
	start, bytes, seen := 0, 0, uint64(0)
	for i, c := range calls {
		bit := uint64(1) << c.partition
		if i > start && (seen&bit != 0 || bytes+c.bytes > maxGroupBytes) {
			out = append(out, calls[start:i])
			start, bytes, seen = i, 0, 0
		}
		seen |= bit
		bytes += c.bytes
	}
	if start < len(calls) {
		out = append(out, calls[start:])
	}
	return out
}

func countEvents(groups ...[]call) (n int) {
	for _, g := range groups {
		for i := range g {
			n += g[i].events
		}
	}
	return n
}
