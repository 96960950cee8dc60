package bridge

import (
	"backbone/internal/hub"
	"backbone/internal/partition"
)

// outlet is the way of events to one session that publishes.
type outlet struct {
	partitions partition.Set
	events     chan []hub.BroadcastEvent // one place, filled only while the session is idle
}

func newOutlet(partitions partition.Set) *outlet {
	return &outlet{partitions, make(chan []hub.BroadcastEvent, 1)}
}

// outlets divides what comes from the outbox between the sessions that publish. It receives
// only when all of them are idle. A sender whose empty slice was received therefore knows
// that everything before it was sent. Events for a master that is away wait, within a bound.
type outlets struct {
	outbox <-chan []hub.BroadcastEvent
	idle   chan *outlet // a session can send
	gone   chan *outlet // a session has ended
	count  *counters

	// Owned by run.
	up      map[*outlet]bool // sessions that publish, and whether each is idle
	waiting countedBacklog   // for partitions without a session
}

func newOutlets(o Options, count *counters) *outlets {
	return &outlets{
		outbox: o.Outbox, idle: make(chan *outlet), gone: make(chan *outlet), count: count,
		up: map[*outlet]bool{}, waiting: newBacklog(o, count, DropNotSent),
	}
}

// run divides events until ended is closed. It never waits for a session.
func (o *outlets) run(ended <-chan struct{}) {
	for {
		select {
		case <-ended:
			o.count.drop(DropClosing, o.waiting.Len())
			return
		case out := <-o.idle:
			_, known := o.up[out]
			o.up[out] = true
			if !known && o.waiting.Len() > 0 {
				waited := o.waiting.Events()
				o.waiting.Taken()
				o.divide(waited)
			}
		case out := <-o.gone:
			delete(o.up, out)
			select {
			case unsent := <-out.events:
				o.keep(unsent)
			default:
			}
		case events := <-o.offered():
			o.divide(events)
		}
	}
}

// offered is the outbox if what it offers can be sent immediately, otherwise nil.
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

// divide gives each idle session its part, in order, and keeps the rest.
func (o *outlets) divide(events []hub.BroadcastEvent) {
	for out, idle := range o.up {
		if !idle {
			continue
		}
		mine := events
		if out.partitions != partition.All {
			mine, events = split(events, out.partitions)
		} else {
			events = nil
		}
		if len(mine) > 0 {
			o.up[out] = false
			out.events <- mine
		}
	}
	o.keep(events)
}

// split returns the events of partitions, and the others.
func split(events []hub.BroadcastEvent, partitions partition.Set) (mine, others []hub.BroadcastEvent) {
	for i := range events {
		if partitions.Has(partition.Of(events[i].Room)) {
			mine = append(mine, events[i])
		} else {
			others = append(others, events[i])
		}
	}
	return mine, others
}

// keep holds events for the next session of their master. That session begins with a
// generation, which heals what is dropped here.
func (o *outlets) keep(events []hub.BroadcastEvent) { o.waiting.addAll(events) }
