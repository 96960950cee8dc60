// Package backlog holds events that wait for a receiver: ingest's outbox, what the bridge
// has for a Redis master that is away, and what it has for ingest.
package backlog

import (
	"strings"

	"backbone/internal/hub"
	"backbone/internal/partition"
)

// Overhead is what an event costs in addition to its payload, bytes.
const Overhead = 128

// Queue holds events in order. Once it holds more than its limit it conflates until it is
// taken: of each room and type it keeps the newest value and the furthest resync request,
// which asks for the most, and it drops further messages. Once it holds more than its
// maximum it drops values and resync requests of further rooms and types too.
//
// A Queue has one owner.
type Queue struct {
	limit, maximum int  // bytes
	parts          bool // rooms and payloads are parts of longer texts

	events []hub.BroadcastEvent
	bytes  int
	at     map[string]int // by room, the index of its event that was added last; nil: the queue does not conflate
	chain  []int          // parallel to events while the queue conflates: the room's event before, -1: none
	lost   partition.Set
	left   Counts
}

// Counts says how many events a queue has left out, and why.
type Counts struct {
	Conflated uint64 // live values, because a newer value of the room and type is held
	Repeated  uint64 // offers and resync requests, because an event is held that says as much
	Dropped   uint64 // messages past the limit, values and resync requests past the maximum
}

// New returns an empty queue that conflates past limit and drops values past maximum, both
// in bytes of payloads and Overhead.
func New(limit, maximum int) Queue { return Queue{limit: limit, maximum: maximum} }

// NewOfParts is New for events whose rooms and payloads are parts of longer texts, as long as
// payload and Overhead together at most. Once the queue conflates it keeps copies, because one
// event that is left would keep the text of all.
func NewOfParts(limit, maximum int) Queue {
	q := New(limit, maximum)
	q.parts = true
	return q
}

// Events returns what the queue holds. The caller may keep the slice once it calls Taken.
func (q *Queue) Events() []hub.BroadcastEvent { return q.events }

// Len returns how many events the queue holds.
func (q *Queue) Len() int { return len(q.events) }

// Bytes returns the size of the events that the queue holds, Overhead included.
func (q *Queue) Bytes() int { return q.bytes }

// Lost returns the partitions of which a value or a resync request was dropped since the
// queue was last taken.
func (q *Queue) Lost() partition.Set { return q.lost }

// LeftOut returns how many events were left out since New.
func (q *Queue) LeftOut() Counts { return q.left }

// Add puts an event into the queue, or leaves it out and counts it.
func (q *Queue) Add(e *hub.BroadcastEvent) {
	switch {
	case q.at == nil:
		q.push(e)
		if q.bytes > q.limit {
			q.conflate()
		}
	case e.Kind == hub.Message:
		q.left.Dropped++
	default:
		q.settle(e)
	}
}

// places are those that a queue makes for its first event, and at most those that it makes for as
// many events as the batch before had.
const leastPlaces, mostPlaces = 16, 4096

func (q *Queue) push(e *hub.BroadcastEvent) {
	if n := len(q.events); n == cap(q.events) {
		grown := make([]hub.BroadcastEvent, n, max(2*n, leastPlaces)) // append makes a quarter more, and so copies each event four times
		copy(grown, q.events)
		q.events = grown
	}
	q.events = append(q.events, *e)
	q.bytes += len(e.Payload) + Overhead
}

// conflate goes over the queue once; from then on each event finds its place. Messages that
// are held stay.
func (q *Queue) conflate() {
	all := q.events
	q.events, q.bytes, q.at = all[:0], 0, make(map[string]int, 1024)
	for i := range all {
		e := all[i] // q.events grows over all
		if e.Kind == hub.Message {
			q.copyParts(&e)
			q.pushLinked(&e, -1)
		} else {
			q.settle(&e)
		}
	}
	clear(all[len(q.events):])
}

// settle gives e its place in a queue that conflates.
func (q *Queue) settle(e *hub.BroadcastEvent) {
	last, known := q.at[e.Room]
	if !known {
		last = -1
	}
	i := last
	for i >= 0 && !samePlace(e, &q.events[i]) {
		i = q.chain[i]
	}
	taken := i >= 0
	switch {
	case taken && supersedes(e, &q.events[i]):
		held := &q.events[i]
		q.leaveOut(held)
		q.bytes += len(e.Payload) - len(held.Payload)
		*held = *e
		q.copyParts(held)
	case taken:
		q.leaveOut(e)
	case q.bytes > q.maximum:
		q.left.Dropped++
		q.lost |= partition.Only(partition.Of(e.Room))
	default:
		own := *e
		q.copyParts(&own)
		q.at[own.Room] = len(q.events)
		q.pushLinked(&own, last)
	}
}

func (q *Queue) copyParts(e *hub.BroadcastEvent) {
	if q.parts {
		e.Room, e.Payload = strings.Clone(e.Room), strings.Clone(e.Payload)
	}
}

// pushLinked adds an event to a queue that conflates. before is the index of the room's event
// before it, or -1.
func (q *Queue) pushLinked(e *hub.BroadcastEvent, before int) {
	q.push(e)
	q.chain = append(q.chain, before)
}

// samePlace reports whether two events of a room replace one another: values of one type, or
// resync requests of one type.
func samePlace(e, f *hub.BroadcastEvent) bool {
	return e.Type == f.Type && (e.Kind == hub.Resync) == (f.Kind == hub.Resync)
}

// supersedes reports whether e says all that held says. The resync request with the older
// version asks for more.
func supersedes(e, held *hub.BroadcastEvent) bool {
	order := e.Version.Compare(held.Version)
	if e.Kind == hub.Resync {
		return order < 0
	}
	return order > 0
}

func (q *Queue) leaveOut(e *hub.BroadcastEvent) {
	if e.Kind == hub.State {
		q.left.Conflated++
	} else {
		q.left.Repeated++
	}
}

// Taken empties the queue after the receiver took Events. The queue will likely hold as
// much again, so it makes room for that.
func (q *Queue) Taken() {
	q.events = make([]hub.BroadcastEvent, 0, min(len(q.events), mostPlaces))
	q.bytes, q.at, q.chain, q.lost = 0, nil, nil, 0
}
