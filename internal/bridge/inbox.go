package bridge

import (
	"context"
	"time"

	"backbone/internal/hub"
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
// passed. It returns how many were left out. Messages that are held already are kept.
func (q *inboxQueue) conflate() (conflated int) {
	if q.at != nil || q.bytes <= q.limit {
		return 0
	}
	all := q.events
	*q = inboxQueue{limit: q.limit, at: make(map[inboxPlace]int), events: all[:0]}
	for i := range all {
		e := all[i]
		if e.Kind == hub.Message {
			q.push(&e)
		} else if left, _ := q.add(&e); left {
			conflated++
		}
	}
	clear(all[len(q.events):])
	return conflated
}

// taken starts the queue anew: the Sink owns what it held.
func (q *inboxQueue) taken() { *q = inboxQueue{limit: q.limit} }

// bundle is a Redis message of another instance.
type bundle struct {
	partition int
	message   string
}

// inboxPlaces is how many messages may lie between the Redis reader and the inbox.
const inboxPlaces = 16

// inbox stands between the Redis reader, which must never wait, and the Sink.
type inbox struct {
	in        chan bundle
	out       chan []hub.BroadcastEvent
	limit     int
	validRoom func(string) bool
	count     *counters
}

func newInbox(o Options, count *counters) *inbox {
	return &inbox{
		in: make(chan bundle, inboxPlaces), out: make(chan []hub.BroadcastEvent),
		limit: o.InboxBytes, validRoom: o.ValidRoom, count: count,
	}
}

// run takes what the reader has at any time, parses it and keeps it for deliver.
func (b *inbox) run(ctx context.Context) {
	q := inboxQueue{limit: b.limit}
	for {
		var out chan<- []hub.BroadcastEvent
		if len(q.events) > 0 {
			out = b.out
		}
		select {
		case <-ctx.Done():
			b.count.drop(DropClosing, len(q.events))
			return
		case out <- q.events:
			q.taken()
		case m := <-b.in:
			events, bad, err := decodeEnvelope(m.message, m.partition, time.Now().UnixNano(), b.validRoom)
			if err != nil {
				b.count.garbage.Add(1)
			}
			b.count.drop(DropGarbage, bad)
			b.put(&q, events)
		}
	}
}

func (b *inbox) put(q *inboxQueue, events []hub.BroadcastEvent) {
	for i := range events {
		conflated, dropped := q.add(&events[i])
		if conflated {
			b.count.conflated.Add(1)
		}
		if dropped {
			b.count.drop(DropInboxFull, 1)
		}
	}
	b.count.conflated.Add(uint64(q.conflate()))
}

// deliver hands batches to the Sink, which may take its time.
func (b *inbox) deliver(ctx context.Context, sink Sink) {
	for {
		select {
		case <-ctx.Done():
			return
		case events := <-b.out:
			b.count.received.Add(uint64(len(events)))
			sink.Remote(ctx, events)
		}
	}
}
