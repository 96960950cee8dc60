package simtest

import (
	"time"

	"backbone/internal/hub"
)

// cutOff is the only fault in a run where all links but one stay whole: nothing is
// offered again by instances that noticed nothing.
func (w *world) cutOff(in *instance) {
	in.link.cut = !in.link.cut
	w.trace("", "only i%d is cut: %v", in.id, in.link.cut)
}

// fault begins or ends one.
func (w *world) fault(in *instance) {
	s := w.store
	switch k := w.rng.IntN(24); {
	case k < 4:
		in.link.cut = !in.link.cut
		w.trace("", "i%d cut: %v", in.id, in.link.cut)
	case k < 8:
		if s.up && !s.frozen {
			w.trace("", "the link of i%d breaks", in.id)
			in.link.fail("reset")
		}
	case k < 11:
		s.frozen = !s.frozen
		w.trace("", "store frozen: %v", s.frozen)
	case k < 14:
		if s.up = !s.up; s.up {
			w.trace("", "the store is back, empty")
		} else {
			w.trace("", "the store is gone")
		}
		s.restart(true)
	case k < 16:
		w.trace("", "the store restarts empty")
		s.restart(true)
	case k < 18:
		w.trace("", "the store fails over, without its last writes")
		s.restart(false)
	case k < 21:
		in.link.slow = 0
		if w.rng.IntN(3) > 0 {
			in.link.slow = time.Duration(w.rng.Int64N(int64(slowest)))
		}
		w.trace("", "i%d slow: %v", in.id, in.link.slow)
	case k < 22:
		w.dies(in)
	case k < 23:
		w.orphan(in)
	default:
		if !in.alive {
			w.returns(in)
		}
	}
}

// setClocks sets the wall clock of an instance once in so many calls, if clocks are set in this
// run: forward, back, or to what is right. Nothing else tells the instance.
func (w *world) setClocks(oneIn int) {
	if w.clocks == nil || w.clocks.IntN(oneIn) > 0 {
		return
	}
	in := w.instances[w.clocks.IntN(len(w.instances))]
	if w.clocks.IntN(3) == 0 {
		in.offset = 0
	} else {
		in.offset += time.Duration(w.clocks.Int64N(int64(2*time.Hour))) - time.Hour
	}
	w.trace("", "the clock of i%d is set to be off by %v", in.id, in.offset)
}

// dies ends an instance like kill -9: what it had not sent is gone.
func (w *world) dies(in *instance) {
	alive := 0
	for _, o := range w.instances {
		if o.alive {
			alive++
		}
	}
	if !in.alive || alive < 2 {
		return
	}
	w.trace("", "i%d dies", in.id)
	in.link.fail("killed")
	in.alive = false
	in.link.wire, in.link.up, in.link.subscribed = nil, false, false
}

// returns starts an instance anew in a dead one's place.
func (w *world) returns(in *instance) {
	w.trace("", "i%d starts anew", in.id)
	fresh := w.newInstance(in.id)
	// Its events have a new origin: the counts of its consumers begin anew.
	*in = *fresh
	in.link.in = in
}

// orphan has the store forget everything while the instance that filled it is dead: what
// it published lives on in the memories of others alone.
func (w *world) orphan(in *instance) {
	room := pick(w, w.rooms)
	if !in.alive {
		return
	}
	w.publish(in, room, 1, hub.State)
	w.pass(200 * time.Millisecond)
	w.dies(in)
	w.trace("", "the store restarts empty")
	w.store.restart(true)
	if !in.alive {
		w.returns(in)
	}
}
