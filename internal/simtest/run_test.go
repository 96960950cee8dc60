package simtest

import (
	"time"

	"backbone/internal/hub"
	"backbone/internal/partition"
)

// run lives through faults, heals, and checks the promises.
func (w *world) run() {
	for range 300 + w.rng.IntN(500) {
		w.now = w.now.Add(time.Duration(w.rng.Int64N(int64(60 * time.Millisecond))))
		w.act()
		w.setClocks(200)
		w.background(false)
	}
	if w.quiet == nil && w.rng.IntN(3) == 0 {
		w.orphan(pick(w, w.instances))
	}
	w.heal()
	w.check("after healing")
	if w.rng.IntN(2) == 0 {
		w.ticks() // nobody new has asked for anything: what is known came by itself
	}
	w.latecomers()
	w.ticks()
	w.gap()
	w.silence()
}

func pick[T any](w *world, list []T) T { return list[w.rng.IntN(len(list))] }

// act does one thing that users or faults do.
func (w *world) act() {
	in := pick(w, w.instances)
	room := pick(w, w.rooms)
	switch k := w.rng.IntN(100); {
	case k < 40:
		if in.alive {
			w.publish(in, room, 1+w.rng.IntN(4), hub.State)
		}
	case k < 43:
		if in.alive {
			w.publish(in, room, 1, hub.Message)
		}
	case k < 46: // a burst, beyond what a slow consumer is kept
		if in.alive {
			w.publish(in, room, 60, hub.State)
		}
	case k < 60:
		w.consumerActs(in, room)
	case k < 66:
		in.link.receive(true)
	case k < 67: // what a script that was forgotten brings about, or a slot that moves
		if in.link.up && in.link.reachable() {
			in.link.begin(partition.Set(w.rng.Uint64()))
		}
	case k < 73:
		if w.quiet == nil {
			w.fault(in)
		} else {
			w.cutOff(w.quiet)
		}
	case k < 77: // time passes
		w.now = w.now.Add(time.Duration(w.rng.Int64N(int64(2 * time.Second))))
	}
}

func (w *world) consumerActs(in *instance, room string) {
	if !in.alive {
		return
	}
	var open []*consumer
	for _, c := range in.clients {
		if !c.gone {
			open = append(open, c)
		}
	}
	if len(open) == 0 || len(open) < 4 && w.rng.IntN(3) == 0 {
		w.connect(in).join(room)
		return
	}
	c := pick(w, open)
	switch k := w.rng.IntN(10); {
	case k < 5:
		c.ask()
		c.join(append([]string{room}, w.rooms[:w.fate.IntN(len(w.rooms)+1)]...)...)
	case k < 7:
		c.leave(room)
	case k < 8 && len(open) > 1:
		c.vanish()
	}
}

// background is what goes on by itself: links, readers and tasks. Where calm, nothing
// is left waiting for long.
func (w *world) background(calm bool) {
	if w.now.After(w.nextBeat) {
		w.nextBeat = w.now.Add(heartbeatEvery)
		for _, in := range w.instances {
			in.link.beat()
		}
		if w.rng.IntN(2) == 0 {
			w.store.save()
		}
	}
	w.store.catchUp()
	for _, in := range w.instances {
		if !in.alive {
			continue
		}
		l := &in.link
		l.echo()
		l.connect()
		for range 4 {
			if calm || w.rng.IntN(2) == 0 {
				l.send()
			}
			if calm || w.rng.IntN(2) == 0 {
				l.receive(false)
			}
			if calm || w.rng.IntN(2) == 0 {
				l.reads()
			}
		}
		if calm || w.rng.IntN(2) == 0 {
			l.hear()
		}
		in.giveWay()
		in.hub.TakeDue()
		for in.ingest.NextTask() <= in.time().Steady {
			in.route(in.ingest.Tasks(in.time()))
		}
		for _, c := range in.clients {
			switch {
			case c.gone:
			case c.closed:
				c.vanish()
			case calm:
				c.ask()
				c.readAll()
			default:
				switch {
				case w.rng.IntN(3) == 0:
					c.ask()
				case len(c.rest) > 0 && w.fate.IntN(2) == 0:
					c.enter(nil)
				}
				c.wishAgain()
				if w.rng.IntN(c.pause) == 0 {
					c.read(w.rng.IntN(4))
				}
			}
		}
	}
}

// heal ends all faults and lets the promised time pass, without a new tick.
func (w *world) heal() {
	w.trace("", "everything heals")
	w.store.up, w.store.frozen = true, false
	for _, in := range w.instances {
		in.link.cut, in.link.slow = false, 0
	}
	w.remember()
	w.pass(healing)
}

func (w *world) pass(d time.Duration) {
	for end := w.now.Add(d); w.now.Before(end); {
		w.now = w.now.Add(20 * time.Millisecond)
		w.background(true)
	}
}
