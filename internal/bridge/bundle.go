package bridge

import (
	"strconv"
	"time"

	"backbone/internal/hub"
	"backbone/internal/partition"
)

// bundle is events of one partition, published as one Redis message.
type bundle struct {
	partition int
	channel   string
	head      string   // of the envelope
	keys      []string // of rooms with a value, each once
	args      []string // five for each event, see writeScript
	events    int
	bytes     int
}

// bundler turns events into bundles. It holds no state.
type bundler struct {
	names    names
	instance string
	ttl      time.Duration
}

// bundles divides events by partition and keeps the order in each partition.
func (c bundler) bundles(events []hub.BroadcastEvent, now int64) []bundle {
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
				partition: p, channel: c.names.events(p), head: envelopeHead(c.instance) + `"events":[`,
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
	index map[string]int // of the key of each room, from 1
}

func (c bundler) add(b *openBundle, e *hub.BroadcastEvent, now int64) {
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

func (b *openBundle) key(n names, room string) int {
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
