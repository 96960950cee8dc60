package main

// roomCheck holds what one consumer receives of one room to the promise: every event in
// order, or a notice with the exact number left out. Events are numbered from 1 by their
// publisher; the number behind the last is the room's end mark.
type roomCheck struct {
	based bool   // last is known: the next number must be the one behind it
	away  bool   // the room was joined again, and no event has come since
	ended bool   // the end mark has come
	last  uint64 // highest number received
	// received has a bit for each of the 64 numbers up to last: bit i is last-i.
	received uint64

	// Since last:
	told  uint64 // events that notices say were left out
	shown uint64 // newer values that came as snapshots
	value uint64 // the newest of them, last if there was none
}

// tally counts what one consumer received, over all its rooms.
type tally struct {
	delivered  uint64 // live events
	snapshots  uint64
	conflated  uint64 // left out, and a notice said so
	lost       uint64 // left out without a word
	missed     uint64 // published while the consumer had no connection
	duplicated uint64
	disordered uint64 // behind a newer one of their room
	miscounted uint64 // told to be left out beyond those that were
	malformed  uint64 // not in the form of the protocol
}

func (t *tally) add(o tally) {
	t.delivered += o.delivered
	t.snapshots += o.snapshots
	t.conflated += o.conflated
	t.lost += o.lost
	t.missed += o.missed
	t.duplicated += o.duplicated
	t.disordered += o.disordered
	t.miscounted += o.miscounted
	t.malformed += o.malformed
}

// wrong is the number of broken promises.
func (t *tally) wrong() uint64 {
	return t.lost + t.missed + t.duplicated + t.disordered + t.miscounted + t.malformed
}

// join begins the check. Who joined before anything was published knows that the first
// number is 1; for others the first event that comes sets the base.
func (r *roomCheck) join(fromStart bool) {
	if r.based || r.value > 0 {
		r.away = true
		r.told = 0 // the server counts anew
		return
	}
	r.based = fromStart
}

// conflated takes a notice.
func (r *roomCheck) conflated(skipped uint64, t *tally) {
	r.told += skipped
	t.conflated += skipped
}

// live takes an event. It reports whether the event is newer than all before.
func (r *roomCheck) live(seq uint64, t *tally) bool {
	t.delivered++
	if r.based && seq <= r.last {
		r.late(r.last-seq, t)
		return false
	}
	r.advance(seq, t)
	return true
}

// late takes a number that is not above last.
func (r *roomCheck) late(behind uint64, t *tally) {
	const window = 64
	if behind < window && r.received>>behind&1 == 1 {
		t.duplicated++
		return
	}
	t.disordered++
	if behind < window {
		r.received |= 1 << behind
	}
	if t.lost > 0 { // it was taken for lost
		t.lost--
	}
}

// advance makes seq the last number and settles what lies between.
func (r *roomCheck) advance(seq uint64, t *tally) {
	if r.based {
		r.settle(seq-r.last-1, t)
	}
	if step := seq - r.last; step < 64 {
		r.received <<= step
	} else {
		r.received = 0
	}
	r.received |= 1
	r.based, r.away, r.last, r.value = true, false, seq, max(seq, r.value)
	r.told, r.shown = 0, 0
}

// settle compares the numbers that did not come with what was told of them. A value that
// came as a snapshot may be told to be left out, and may not.
func (r *roomCheck) settle(absent uint64, t *tally) {
	if r.told > absent {
		t.miscounted += r.told - absent
		return
	}
	absent -= r.told
	absent -= min(absent, r.shown)
	if r.away {
		t.missed += absent
	} else {
		t.lost += absent
	}
}

// snapshot takes a value that is no tick.
func (r *roomCheck) snapshot(seq uint64, t *tally) {
	t.snapshots++
	switch {
	case seq < r.value || r.based && seq < r.last:
		t.disordered++
	case seq > r.value:
		r.value = seq
		r.shown++
	}
}

// end takes the end mark, which may come as a snapshot. It reports whether it is the
// first.
func (r *roomCheck) end(seq uint64, snapshot bool, t *tally) bool {
	switch {
	case !r.ended:
		r.ended = true
		r.advance(seq, t)
		return true
	case !snapshot && !r.away:
		t.duplicated++
	}
	return false
}

// unfinished settles a room whose end mark, of the number seq, has not come in time.
func (r *roomCheck) unfinished(seq uint64, away bool, t *tally) {
	r.away = r.away || away
	if !r.based {
		r.last = seq - 1 // nothing but the mark is known to be due
	}
	r.settle(seq-r.last, t)
}
