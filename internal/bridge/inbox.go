package bridge

import (
	"context"
	"time"

	"backbone/internal/backlog"
	"backbone/internal/hub"
	"backbone/internal/partition"
)

// inboxMaximum is how many times its bound a backlog of the bridge holds at most: more
// rooms than that are more than instances agree on.
const inboxMaximum = 16

func newBacklog(o *Options) backlog.Queue {
	return backlog.New(o.InboxBytes, inboxMaximum*o.InboxBytes)
}

// fill adds events to a backlog and counts the events that it leaves out.
func (c *counters) fill(q *backlog.Queue, events []hub.BroadcastEvent, dropped DropReason) {
	before := q.LeftOut()
	for i := range events {
		q.Add(&events[i])
	}
	after := q.LeftOut()
	c.conflated.Add(after.Conflated - before.Conflated + after.Repeated - before.Repeated)
	c.drop(dropped, int(after.Dropped-before.Dropped))
}

// bundle is a Redis message of another instance, or a mark behind all that came before.
type bundle struct {
	partition int
	message   string
	mark      chan struct{} // nil: a message
}

// inboxPlaces is how many messages may lie between the Redis reader and the inbox.
const inboxPlaces = 16

// inboxBatch is what the Sink gets at once; then the marks are passed, and closed.
type inboxBatch struct {
	events []hub.BroadcastEvent
	lost   partition.Set // that had no place in it
	marks  []chan struct{}
}

// inbox stands between the Redis readers, which must never wait, and the Sink.
type inbox struct {
	in        chan bundle
	out       chan inboxBatch
	closed    chan struct{} // run takes nothing any more
	waiting   backlog.Queue // owned by run
	validRoom func(string) bool
	count     *counters
}

func newInbox(o Options, count *counters) *inbox {
	return &inbox{
		in: make(chan bundle, inboxPlaces), out: make(chan inboxBatch),
		closed: make(chan struct{}), waiting: newBacklog(&o), validRoom: o.ValidRoom, count: count,
	}
}

// take is called by the Redis readers. It waits for nothing but run.
func (b *inbox) take(m bundle) {
	select {
	case b.in <- m:
		select {
		case <-b.closed:
			b.drain() // run may have passed by
		default:
		}
	case <-b.closed:
		b.count.drop(DropClosing, len(b.parse(m)))
	}
}

// run takes what the readers have at any time, parses it and keeps it for deliver, until
// ended is closed.
func (b *inbox) run(ended <-chan struct{}) {
	q := &b.waiting
	var marks []chan struct{}
	for {
		var out chan<- inboxBatch
		if q.Len() > 0 || len(marks) > 0 {
			out = b.out
		}
		select {
		case <-ended:
			close(b.closed)
			b.drain()
			b.count.drop(DropClosing, q.Len())
			return
		case out <- inboxBatch{q.Events(), q.Lost(), marks}:
			q.Taken()
			marks = nil
		case m := <-b.in:
			if m.mark != nil {
				marks = append(marks, m.mark)
				continue
			}
			b.count.fill(q, b.parse(m), DropInboxFull)
		}
	}
}

func (b *inbox) parse(m bundle) []hub.BroadcastEvent {
	events, bad, err := decodeEnvelope(m.message, m.partition, time.Now().UnixNano(), b.validRoom)
	if err != nil {
		b.count.garbage.Add(1)
	}
	b.count.drop(DropGarbage, bad)
	return events
}

// drain counts what nobody takes any more.
func (b *inbox) drain() {
	for {
		select {
		case m := <-b.in:
			if m.mark == nil { // who waits for a mark waits for its own end too
				b.count.drop(DropClosing, len(b.parse(m)))
			}
		default:
			return
		}
	}
}

// deliver hands batches to the Sink, which may take its time. Partitions of which
// something was dropped begin a generation: so values that had no place are read and
// asked for, and questions answered.
func (b *inbox) deliver(ctx context.Context, sink Sink) {
	for {
		select {
		case <-ctx.Done():
			return
		case batch := <-b.out:
			b.count.handOver(ctx, sink, batch)
			for _, m := range batch.marks {
				close(m)
			}
		}
	}
}

// settle returns when the Sink was given all that came in before, or ctx ends.
func (b *inbox) settle(ctx context.Context) {
	mark := make(chan struct{})
	select {
	case b.in <- bundle{mark: mark}:
	case <-ctx.Done():
		return
	}
	select {
	case <-mark:
	case <-ctx.Done():
	}
}

// handOver gives the Sink a batch. What it was given when ctx ended it may have taken or
// not.
func (c *counters) handOver(ctx context.Context, sink Sink, batch inboxBatch) {
	if len(batch.events) > 0 {
		sink.Remote(ctx, batch.events)
	}
	if ctx.Err() != nil {
		c.drop(DropClosing, len(batch.events))
		return
	}
	c.received.Add(uint64(len(batch.events)))
	if batch.lost != 0 {
		sink.Generation(ctx, batch.lost)
	}
}
