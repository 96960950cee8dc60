package load

// RoomCheck checks the promise of the protocol for one room of one consumer: it receives every
// event in order, or a notice with the exact number left out. The publisher numbers the events
// of a room from 1. The number after the last one is the room's end mark. The zero value is
// ready for Join. One goroutine uses it.
type RoomCheck struct {
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

// Tally counts what one consumer received, over all its rooms.
type Tally struct {
	Delivered  uint64 // live events
	Snapshots  uint64
	Conflated  uint64 // left out, and a notice said so
	Lost       uint64 // left out without a notice
	Missed     uint64 // published while the consumer had no connection
	Duplicated uint64
	Disordered uint64 // received after a newer event of their room
	Miscounted uint64 // reported by notices beyond those that were left out
	Malformed  uint64 // not in the form of the protocol
}

// Add adds what another consumer received.
func (t *Tally) Add(o Tally) {
	t.Delivered += o.Delivered
	t.Snapshots += o.Snapshots
	t.Conflated += o.Conflated
	t.Lost += o.Lost
	t.Missed += o.Missed
	t.Duplicated += o.Duplicated
	t.Disordered += o.Disordered
	t.Miscounted += o.Miscounted
	t.Malformed += o.Malformed
}

// Wrong is the number of broken promises.
func (t *Tally) Wrong() uint64 {
	return t.Lost + t.Missed + t.Duplicated + t.Disordered + t.Miscounted + t.Malformed
}

// Join begins the check, and goes on with it when the room is joined again on a new
// connection. With fromStart the room was joined before anything was published, so that the
// first number is 1; without it the first event sets the base.
func (r *RoomCheck) Join(fromStart bool) {
	if r.based || r.value > 0 {
		r.away = true
		r.told = 0 // the server begins a new count
		return
	}
	r.based = fromStart
}

// Conflated takes a notice.
func (r *RoomCheck) Conflated(skipped uint64, t *Tally) {
	r.told += skipped
	t.Conflated += skipped
}

// Live takes an event. It reports whether the event is newer than all before.
func (r *RoomCheck) Live(seq uint64, t *Tally) bool {
	t.Delivered++
	if r.based && seq <= r.last {
		r.late(r.last-seq, t)
		return false
	}
	r.advance(seq, t)
	return true
}

// late takes a number that is not above last.
func (r *RoomCheck) late(behind uint64, t *Tally) {
	const window = 64
	if behind < window && r.received>>behind&1 == 1 {
		t.Duplicated++
		return
	}
	t.Disordered++
	if behind < window {
		r.received |= 1 << behind
	}
	if t.Lost > 0 { // it was taken for lost
		t.Lost--
	}
}

// advance makes seq the last number and settles what lies between.
func (r *RoomCheck) advance(seq uint64, t *Tally) {
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

// settle compares the numbers that did not come with the count in the notices. An event
// that came as a snapshot may or may not be part of that count.
func (r *RoomCheck) settle(absent uint64, t *Tally) {
	if r.told > absent {
		t.Miscounted += r.told - absent
		return
	}
	absent -= r.told
	absent -= min(absent, r.shown)
	if r.away {
		t.Missed += absent
	} else {
		t.Lost += absent
	}
}

// Snapshot takes an event that was sent as a snapshot.
func (r *RoomCheck) Snapshot(seq uint64, t *Tally) {
	t.Snapshots++
	switch {
	case seq < r.value || r.based && seq < r.last:
		t.Disordered++
	case seq > r.value:
		r.value = seq
		r.shown++
	}
}

// End takes the end mark, which may come as a snapshot. It reports whether it is the
// first.
func (r *RoomCheck) End(seq uint64, snapshot bool, t *Tally) bool {
	switch {
	case !r.ended:
		r.ended = true
		r.advance(seq, t)
		return true
	case !snapshot && !r.away:
		t.Duplicated++
	}
	return false
}

// Unfinished settles a room whose end mark, of the number seq, has not come in time.
func (r *RoomCheck) Unfinished(seq uint64, away bool, t *Tally) {
	r.away = r.away || away
	if !r.based {
		r.last = seq - 1 // nothing but the mark is known to be due
	}
	r.settle(seq-r.last, t)
}
