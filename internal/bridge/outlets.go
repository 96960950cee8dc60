package bridge

import (
	"backbone/internal/hub"
	"backbone/internal/partition"
)

// outlet is the way of events to one session that publishes.
type outlet struct {
	events chan []hub.BroadcastEvent // one place, filled only while the session is idle

	// Owned by outlets.run.
	partitions partition.Set
	resumes    bool // it has gained partitions, whose events wait
}

func newOutlet(partitions partition.Set) *outlet {
	return &outlet{partitions: partitions, events: make(chan []hub.BroadcastEvent, 1)}
}

// idle says that a session can send. Its master refused the events in back, because it does
// not have their partitions any more. They wait for a session that gains these partitions.
type idle struct {
	out   *outlet
	back  []hub.BroadcastEvent
	moved partition.Set // those of back
}

// change says that a session has gained or lost partitions.
type change struct {
	out          *outlet
	gained, lost partition.Set
}

// outlets divides what comes from the outbox between the sessions that publish. It receives
// only when all of them are idle. A sender whose empty slice was received therefore knows that
// everything before it went to the sessions that work, and one whose second was received, that
// they have tried to store it. Events for a master that is away, and of a partition that is on its
// way from one master to another, wait, within a bound.
type outlets struct {
	outbox  <-chan []hub.BroadcastEvent
	idle    chan idle
	changes chan change
	gone    chan *outlet // a session has ended
	mark    bool         // sessions are to see an empty slice: they may have values to store
	count   *counters

	// Owned by run.
	up      map[*outlet]bool // sessions that publish, and whether each is idle
	waiting countedBacklog   // for partitions without a session
}

func newOutlets(o Options, count *counters) *outlets {
	return &outlets{
		outbox: o.Outbox, idle: make(chan idle), changes: make(chan change), gone: make(chan *outlet), mark: o.StoreInterval > 0, count: count,
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
		case is := <-o.idle:
			if _, known := o.up[is.out]; !known {
				is.out.resumes = true
			}
			o.up[is.out] = true
			is.out.partitions &^= is.moved
			o.retain(is.back)
			o.resume(is.out)
		case c := <-o.changes:
			c.out.partitions = c.out.partitions&^c.lost | c.gained
			c.out.resumes = c.out.resumes || c.gained != 0
			o.resume(c.out)
		case out := <-o.gone:
			delete(o.up, out)
			select {
			case unsent := <-out.events:
				o.retain(unsent)
			default:
			}
		case events := <-o.offered():
			if len(events) == 0 && o.mark {
				o.settle()
			}
			o.divide(events)
		}
	}
}

// settle has all sessions store what they have published.
func (o *outlets) settle() {
	for out := range o.up {
		o.up[out] = false
		out.events <- nil
	}
}

// retain keeps what a session did not send. Another one may have its partitions by now.
func (o *outlets) retain(unsent []hub.BroadcastEvent) {
	if len(unsent) == 0 {
		return
	}
	o.keep(unsent)
	for out := range o.up {
		out.resumes = true
		o.resume(out)
	}
}

// resume gives a session what waited for the partitions that it has gained, once it is idle.
func (o *outlets) resume(out *outlet) {
	if !o.up[out] || !out.resumes {
		return
	}
	out.resumes = false
	if o.waiting.Len() > 0 {
		waited := o.waiting.Events()
		o.waiting.Taken()
		o.divide(waited)
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

// keep holds events until a session has their partitions. A generation begins there then,
// which heals what is dropped here.
func (o *outlets) keep(events []hub.BroadcastEvent) { o.waiting.addAll(events) }
