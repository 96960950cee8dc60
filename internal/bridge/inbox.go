package bridge

import (
	"context"
	"strings"

	"backbone/internal/backlog"
	"backbone/internal/bridge/wire"
	"backbone/internal/hub"
	"backbone/internal/moment"
	"backbone/internal/partition"
)

// inboxMaximum is how many times its bound a backlog of the bridge holds at most. That many
// rooms are more than instances agree on.
const inboxMaximum = 16

// countedBacklog is a backlog that counts the events that it leaves out.
type countedBacklog struct {
	backlog.Queue
	count   *counters
	dropped DropReason
}

func newBacklog(o Options, count *counters, dropped DropReason) countedBacklog {
	return countedBacklog{backlog.New(o.InboxBytes, inboxMaximum*o.InboxBytes), count, dropped}
}

// newPartsBacklog is newBacklog for events of messages, see [wire.Reader].
func newPartsBacklog(o Options, count *counters, dropped DropReason) countedBacklog {
	return countedBacklog{backlog.NewOfParts(o.InboxBytes, inboxMaximum*o.InboxBytes), count, dropped}
}

func (b *countedBacklog) addAll(events []hub.BroadcastEvent) {
	before := b.LeftOut()
	for i := range events {
		b.Add(&events[i])
	}
	after := b.LeftOut()
	b.count.conflated.Add(after.Conflated - before.Conflated + after.Repeated - before.Repeated)
	b.count.drop(b.dropped, int(after.Dropped-before.Dropped))
}

// incoming is a Redis message of another instance, or a mark behind all messages before it.
type incoming struct {
	channel string
	of      partition.Set // that the channel carries
	message string
	mark    chan struct{} // nil: a message
}

// inboxPlaces bounds the messages between the Redis readers and the inbox.
const inboxPlaces = 16

// delivery is what the Sink gets in one piece. The marks are closed after that.
type delivery struct {
	events []hub.BroadcastEvent
	lost   partition.Set // of which something had no place
	marks  []chan struct{}
}

// inbox takes messages from the Redis readers, which must never wait, and hands their events
// to the Sink, which may take its time.
type inbox struct {
	in      chan incoming
	out     chan delivery
	closed  chan struct{} // closed when run receives nothing any more
	valid   func(*hub.BroadcastEvent) bool
	count   *counters
	garbage *garbage

	// Owned by run.
	waiting countedBacklog
	reader  wire.Reader
	parsed  []hub.BroadcastEvent // of one message, empty in between
}

func newInbox(o Options, count *counters, strange *garbage) *inbox {
	return &inbox{
		in: make(chan incoming, inboxPlaces), out: make(chan delivery), closed: make(chan struct{}),
		valid: o.Valid, count: count, garbage: strange, waiting: newPartsBacklog(o, count, DropInboxFull),
	}
}

// take is called by the Redis readers. It waits for nothing but run.
func (b *inbox) take(m incoming) {
	select {
	case b.in <- m:
		select {
		case <-b.closed:
			b.discard() // run may have ended before it saw the message
		default:
		}
	case <-b.closed:
		b.count.drop(DropClosing, len(b.parse(new(wire.Reader), nil, m)))
	}
}

// run takes messages at any time, parses them and keeps their events for deliver, until
// ended is closed.
func (b *inbox) run(ended <-chan struct{}) {
	var marks []chan struct{}
	for {
		var out chan<- delivery
		if b.waiting.Len() > 0 || len(marks) > 0 {
			out = b.out
		}
		select {
		case <-ended:
			close(b.closed)
			b.discard()
			b.count.drop(DropClosing, b.waiting.Len())
			return
		case out <- delivery{b.waiting.Events(), b.waiting.Lost(), marks}:
			b.waiting.Taken()
			marks = nil
		case m := <-b.in:
			if m.mark != nil {
				marks = append(marks, m.mark)
				continue
			}
			b.parsed = b.parse(&b.reader, b.parsed, m)
			b.waiting.addAll(b.parsed)
			b.parsed = emptied(b.parsed)
		}
	}
}

// parsedPlaces bounds what is kept to parse the next message into. Own messages have fewer events.
const parsedPlaces = 2 * maxCallEvents

// emptied returns events to parse another message into. They keep no message.
func emptied(events []hub.BroadcastEvent) []hub.BroadcastEvent {
	if cap(events) > parsedPlaces {
		return nil
	}
	clear(events)
	return events[:0]
}

// parse appends the events of a message to events, which has none.
func (b *inbox) parse(with *wire.Reader, events []hub.BroadcastEvent, m incoming) []hub.BroadcastEvent {
	events, bad, err := with.Decode(events, m.message, m.of, moment.Now(), b.valid)
	if err != nil {
		b.garbage.found(foreignMessage, m.channel, 1)
	}
	b.garbage.found(foreignEvent, m.channel, bad)
	if !wire.OfParts(m.message) {
		return events
	}
	counted := 0
	for i := range events {
		counted += len(events[i].Payload) + backlog.Overhead
	}
	if counted < len(m.message) { // so much of it is not counted that the events must not keep it
		for i := range events {
			e := &events[i]
			e.Room, e.Payload = strings.Clone(e.Room), strings.Clone(e.Payload)
		}
	}
	return events
}

// discard counts the messages that no goroutine will take.
func (b *inbox) discard() {
	for {
		select {
		case m := <-b.in:
			if m.mark == nil { // settle, which waits for a mark, ends with its context
				b.count.drop(DropClosing, len(b.parse(new(wire.Reader), nil, m)))
			}
		default:
			return
		}
	}
}

// deliver hands deliveries to the Sink, which may take its time. A generation begins in the
// partitions of which something was dropped. So values that had no place are read and
// requested again, and resync requests are answered.
func (b *inbox) deliver(ctx context.Context, sink Sink) {
	for {
		select {
		case <-ctx.Done():
			return
		case d := <-b.out:
			b.handOver(ctx, sink, d)
			for _, m := range d.marks {
				close(m)
			}
		}
	}
}

// settle returns when the Sink was given everything that came in before, or ctx ends.
func (b *inbox) settle(ctx context.Context) {
	mark := make(chan struct{})
	select {
	case b.in <- incoming{mark: mark}:
	case <-ctx.Done():
		return
	}
	select {
	case <-mark:
	case <-ctx.Done():
	}
}

// handOver gives the Sink a delivery. If ctx ends meanwhile, the Sink may or may not have
// taken it.
func (b *inbox) handOver(ctx context.Context, sink Sink, d delivery) {
	if len(d.events) > 0 {
		sink.Remote(ctx, d.events)
	}
	if ctx.Err() != nil {
		b.count.drop(DropClosing, len(d.events))
		return
	}
	b.count.received.Add(uint64(len(d.events)))
	if d.lost != 0 {
		sink.Generation(ctx, d.lost)
	}
}
