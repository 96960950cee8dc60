package ingest

import (
	"backbone/internal/hub"
	"backbone/internal/partition"
)

// outbox is the batch that waits for the bridge to take it. Past its bound it is
// conflated until it is taken: of each room's values the newest stays, messages are
// dropped.
type outbox struct {
	limit   int // bytes
	pending []hub.BroadcastEvent
	bytes   int
	at      map[place]int // in pending; nil: not conflated
	lost    partition.Set // of which values or questions were dropped from the batch

	conflated uint64 // live values left out
	dropped   uint64 // messages dropped, and values of further rooms when rooms alone fill it
}

// place is what holds one event of a conflated batch.
type place struct {
	room   string
	resync bool
}

const (
	eventOverhead = 128 // what an event costs beside its payload, bytes
	outboxFull    = 4   // times its limit, what a conflated batch may hold
)

func (o *outbox) add(e *hub.BroadcastEvent) {
	if o.at != nil {
		o.put(e)
		return
	}
	o.push(e)
	if o.bytes > o.limit {
		o.conflate()
	}
}

func (o *outbox) push(e *hub.BroadcastEvent) {
	o.pending = append(o.pending, *e)
	o.bytes += len(e.Payload) + eventOverhead
}

// conflate goes over the batch once; from then on each event finds its place.
func (o *outbox) conflate() {
	all := o.pending
	o.pending, o.bytes, o.at = all[:0], 0, make(map[place]int, 1024)
	for i := range all {
		e := all[i] // pending grows over all
		o.put(&e)
	}
	clear(all[len(o.pending):])
}

func (o *outbox) put(e *hub.BroadcastEvent) {
	if e.Kind == hub.Message {
		o.dropped++
		return
	}
	key := place{e.Room, e.Kind == hub.Resync}
	i, ok := o.at[key]
	switch {
	case ok && e.Version.Compare(o.pending[i].Version) > 0:
		held := &o.pending[i]
		if held.Kind == hub.State {
			o.conflated++
		}
		o.bytes += len(e.Payload) - len(held.Payload)
		*held = *e
	case ok:
		// A value that is offered again while it still waits to be offered first.
	case o.bytes > outboxFull*o.limit:
		o.dropped++
		o.lost |= partition.Only(partition.Of(e.Room))
	default:
		o.at[key] = len(o.pending)
		o.push(e)
	}
}

// taken starts a new batch: the bridge owns the old one, and will likely get as much
// again.
func (o *outbox) taken() {
	o.pending = make([]hub.BroadcastEvent, 0, min(len(o.pending), 512))
	o.bytes, o.at, o.lost = 0, nil, 0
}

// abandon counts what is left at the end.
func (o *outbox) abandon() {
	for i := range o.pending {
		if o.pending[i].Kind.Live() {
			o.dropped++
		}
	}
	o.pending, o.bytes = nil, 0
}
