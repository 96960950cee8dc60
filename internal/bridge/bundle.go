package bridge

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"backbone/internal/bridge/wire"
	"backbone/internal/hub"
	"backbone/internal/partition"
)

// bundle is events of one partition, published as one Redis message.
type bundle struct {
	partition int
	channel   string
	head      string   // of the envelope
	keys      []string // of values, each once
	args      []string // five for each event, see writeScript
	events    int
	bytes     int
}

// bundler turns events into bundles. It holds no state.
type bundler struct {
	names    wire.Names
	instance string
	ttl      time.Duration
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

// bundles divides events by partition and keeps the order in each partition.
func (c bundler) bundles(events []hub.BroadcastEvent, now time.Duration) []bundle {
	var done []bundle
	var open [partition.Count]*openBundle
	for i := range events {
		e := &events[i]
		p := partition.Of(e.Room)
		if b := open[p]; b != nil && (b.bytes+len(e.Payload) > maxCallBytes || b.events == maxCallEvents) {
			done, open[p] = append(done, b.bundle), nil
		}
		if open[p] == nil {
			open[p] = &openBundle{bundle: bundle{
				partition: p, channel: c.names.Events(p), head: wire.EnvelopeHead(c.instance) + `"events":[`,
			}}
		}
		c.add(open[p], e, now)
	}
	for _, b := range open {
		if b != nil {
			done = append(done, b.bundle)
		}
	}
	return done
}

// openBundle is a bundle that can get more events.
type openBundle struct {
	bundle
	index map[slot]int // of keys, from 1
}

func (c bundler) add(b *openBundle, e *hub.BroadcastEvent, now time.Duration) {
	var version string
	key, remaining := 0, int64(0)
	if e.Kind != hub.Message {
		version = e.Version.String()
		if c.ttl > 0 && e.Kind.Value() {
			key = b.key(c.names, e)
			remaining = max(0, (c.ttl - max(0, now-e.Born)).Milliseconds())
		}
	}
	head := wire.EventHead(e, version, now)
	b.args = append(b.args, strconv.Itoa(key), version, strconv.FormatInt(remaining, 10), head, e.Payload)
	b.events++
	b.bytes += len(head) + len(version) + len(e.Payload)
}

// message is the bundle as the write script publishes it when it accepts every event.
func (b *bundle) message() string {
	events := make([]string, 0, b.events)
	for i := 0; i < len(b.args); i += 5 {
		events = append(events, b.args[i+3]+b.args[i+4]+"}")
	}
	return b.head + strings.Join(events, ",") + "]}"
}

// slot is what has one newest value.
type slot struct{ room, typ string }

// key returns the number of the key of the event's slot, from 1.
func (b *openBundle) key(n wire.Names, e *hub.BroadcastEvent) int {
	of := slot{e.Room, e.Type}
	i, ok := b.index[of]
	if !ok {
		if b.index == nil {
			b.index = map[slot]int{}
		}
		b.keys = append(b.keys, n.Last(e.Type, e.Room))
		b.bytes += len(e.Room) + len(e.Type) + len(n.Prefix)
		i = len(b.keys)
		b.index[of] = i
	}
	return i
}
