package bridge

import (
	"context"
	"time"

	"backbone/internal/hub"
	"backbone/internal/partition"
)

// inboxOverhead is what an event costs beside its payload, bytes.
const inboxOverhead = 160

// inboxFull is how many times its bound the inbox may hold once conflated: so many
// rooms are beyond what instances agree on.
const inboxFull = 16

// inboxQueue holds events of other instances until the Sink takes them. Past its bound
// it keeps the newest value and the furthest question of each room, and drops messages.
type inboxQueue struct {
	limit  int // bytes
	events []hub.BroadcastEvent
	bytes  int
	at     map[inboxPlace]int // in events; nil: not conflating
	lost   partition.Set      // of which values or questions were dropped
}

// inboxPlace is what holds one event of a conflated inbox.
type inboxPlace struct {
	room   string
	resync bool
}

// add takes an event. It reports whether one was left out for a newer one, or dropped.
func (q *inboxQueue) add(e *hub.BroadcastEvent) (conflated, dropped bool) {
	if q.at == nil {
		q.push(e)
		return false, false
	}
	if e.Kind == hub.Message {
		return false, true
	}
	key := inboxPlace{e.Room, e.Kind == hub.Resync}
	if i, ok := q.at[key]; ok {
		order := e.Version.Compare(q.events[i].Version)
		if key.resync && order < 0 || !key.resync && order > 0 { // who asks for more is answered for both
			q.bytes += len(e.Payload) - len(q.events[i].Payload)
			q.events[i] = *e
		}
		return true, false
	}
	if q.bytes > inboxFull*q.limit {
		q.lost |= partition.Only(partition.Of(e.Room))
		return false, true
	}
	q.at[key] = len(q.events)
	q.push(e)
	return false, false
}

func (q *inboxQueue) push(e *hub.BroadcastEvent) {
	q.events = append(q.events, *e)
	q.bytes += len(e.Payload) + inboxOverhead
}

// conflate leaves one value of each room, in the place of its first, if the bound was
// passed. It returns how many were left out for newer ones, and how many dropped.
// Messages that are held already are kept.
func (q *inboxQueue) conflate() (conflated, dropped int) {
	if q.at != nil || q.bytes <= q.limit {
		return 0, 0
	}
	all := q.events
	*q = inboxQueue{limit: q.limit, at: make(map[inboxPlace]int), events: all[:0]}
	for i := range all {
		e := all[i]
		if e.Kind == hub.Message {
			q.push(&e)
			continue
		}
		switch left, lost := q.add(&e); {
		case left:
			conflated++
		case lost:
			dropped++
		}
	}
	clear(all[len(q.events):])
	return conflated, dropped
}

// addAll takes events, keeps within the bound, and counts what that costs.
func (q *inboxQueue) addAll(events []hub.BroadcastEvent, count *counters, reason DropReason) {
	for i := range events {
		conflated, dropped := q.add(&events[i])
		if conflated {
			count.conflated.Add(1)
		}
		if dropped {
			count.drop(reason, 1)
		}
	}
	conflated, dropped := q.conflate()
	count.conflated.Add(uint64(conflated))
	count.drop(reason, dropped)
}

// taken starts the queue anew: the Sink owns what it held.
func (q *inboxQueue) taken() { *q = inboxQueue{limit: q.limit} }

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
	limit     int
	validRoom func(string) bool
	count     *counters
}

func newInbox(o Options, count *counters) *inbox {
	return &inbox{
		in: make(chan bundle, inboxPlaces), out: make(chan inboxBatch),
		closed: make(chan struct{}), limit: o.InboxBytes, validRoom: o.ValidRoom, count: count,
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
	q := inboxQueue{limit: b.limit}
	var marks []chan struct{}
	for {
		var out chan<- inboxBatch
		if len(q.events) > 0 || len(marks) > 0 {
			out = b.out
		}
		select {
		case <-ended:
			close(b.closed)
			b.drain()
			b.count.drop(DropClosing, len(q.events))
			return
		case out <- inboxBatch{q.events, q.lost, marks}:
			q.taken()
			marks = nil
		case m := <-b.in:
			if m.mark != nil {
				marks = append(marks, m.mark)
				continue
			}
			q.addAll(b.parse(m), b.count, DropInboxFull)
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
