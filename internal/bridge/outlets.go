package bridge

import (
	"backbone/internal/backlog"
	"backbone/internal/hub"
	"backbone/internal/partition"
)

// outlet is a session that publishes.
type outlet struct {
	partitions partition.Set
	batches    chan []hub.BroadcastEvent // one place, filled only for a session that is idle
}

func newOutlet(partitions partition.Set) *outlet {
	return &outlet{partitions, make(chan []hub.BroadcastEvent, 1)}
}

// outlets divides the outbox between the masters that are up. A batch is taken only
// when all of these are idle: so whoever offers an empty one knows, once it is taken,
// that what was offered before is sent. What belongs to a master that is away waits,
// within a bound.
type outlets struct {
	outbox <-chan []hub.BroadcastEvent
	idle   chan *outlet // a session can send
	gone   chan *outlet // a session has ended
	count  *counters

	// Owned by run.
	up      map[*outlet]bool // whether it is idle
	pending backlog.Queue    // for partitions without a session
}

func newOutlets(o Options, count *counters) *outlets {
	return &outlets{
		outbox: o.Outbox, idle: make(chan *outlet), gone: make(chan *outlet), count: count,
		up: map[*outlet]bool{}, pending: newBacklog(&o),
	}
}

// run takes and divides until ended is closed. It never waits for a session.
func (o *outlets) run(ended <-chan struct{}) {
	for {
		select {
		case <-ended:
			o.count.drop(DropClosing, o.pending.Len())
			return
		case out := <-o.idle:
			_, known := o.up[out]
			o.up[out] = true
			if !known && o.pending.Len() > 0 {
				waited := o.pending.Events()
				o.pending.Taken()
				o.divide(waited)
			}
		case out := <-o.gone:
			delete(o.up, out)
			select {
			case unsent := <-out.batches:
				o.keep(unsent)
			default:
			}
		case batch := <-o.offered():
			o.divide(batch)
		}
	}
}

// offered is the outbox, if a batch can be sent at once.
func (o *outlets) offered() <-chan []hub.BroadcastEvent {
	for _, idle := range o.up {
		if !idle {
			return nil
		}
	}
	if len(o.up) == 0 {
		return nil
	}
	return o.outbox
}

// divide gives each session its part, in order, and keeps the rest.
func (o *outlets) divide(batch []hub.BroadcastEvent) {
	for out, idle := range o.up {
		if !idle {
			continue
		}
		mine := batch
		if out.partitions != partition.All {
			mine, batch = split(batch, out.partitions)
		} else {
			batch = nil
		}
		if len(mine) > 0 {
			o.up[out] = false
			out.batches <- mine
		}
	}
	o.keep(batch)
}

// split returns the events of partitions, and the others.
func split(batch []hub.BroadcastEvent, partitions partition.Set) (mine, others []hub.BroadcastEvent) {
	for i := range batch {
		if partitions.Has(partition.Of(batch[i].Room)) {
			mine = append(mine, batch[i])
		} else {
			others = append(others, batch[i])
		}
	}
	return mine, others
}

func (o *outlets) keep(events []hub.BroadcastEvent) {
	o.count.fill(&o.pending, events, DropNotSent) // the master's next session begins with a generation
}
