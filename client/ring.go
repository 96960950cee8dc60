package client

// ring is a queue of events. The zero ring is empty.
type ring struct {
	buf  []Event
	head int // of buf: what is before it was dropped
}

func (r *ring) len() int { return len(r.buf) - r.head }

// first returns the oldest event, nil if there is none.
func (r *ring) first() Event {
	if r.len() == 0 {
		return nil
	}
	return r.buf[r.head]
}

func (r *ring) push(ev Event) {
	if r.head > len(r.buf)/2 { // so that it grows with what it holds, not with what went through
		n := copy(r.buf, r.buf[r.head:])
		clear(r.buf[n:])
		r.buf, r.head = r.buf[:n], 0
	}
	r.buf = append(r.buf, ev)
}

func (r *ring) drop() {
	r.buf[r.head] = nil
	if r.head++; r.head == len(r.buf) {
		r.buf, r.head = r.buf[:0], 0
	}
}
