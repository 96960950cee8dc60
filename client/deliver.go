package client

// callFactor times ConnOptions.Buffer is the number of events that are held while a call
// awaits its reply: its caller may be the goroutine that receives events.
const callFactor = 16

// maxReceived bounds the part of ConnOptions.Buffer that is on its way to the pump.
const maxReceived = 256

// deliver hands ev to the program. It is false once the session has ended. While the
// buffer is full and no call awaits a reply it waits, so that the socket fills and the
// server conflates.
func (s *session) deliver(ev Event) bool {
	if s.events == nil {
		s.tell(ev)
		return true
	}
	select {
	case s.received <- ev:
		return true
	default:
	}
	s.stalled.Store(true)
	defer s.stalled.Store(false)
	select {
	case s.received <- ev:
		return true
	case <-s.ctx.Done():
		return false
	}
}

// startPump makes the channels to the program, which hold opt.buffer events together with
// the one that the pump holds.
func (s *session) startPump() {
	received := min(s.opt.buffer/2, maxReceived)
	s.received = make(chan Event, received)
	s.events = make(chan Event, s.opt.buffer-received-1)
	s.pumped = make(chan struct{})
	go (&pump{s: s}).run(s.received)
}

// pump moves events from the reader to the program, in order, and answers marks. Its own
// goroutine owns it.
type pump struct {
	s     *session
	held  ring   // of events; marks are kept apart
	given uint64 // events put into the program's channel
	marks marks
}

// run ends when in is closed and all is moved, or a call wants to know how the session ended;
// and with the session, whatever is left.
func (p *pump) run(in <-chan Event) {
	s := p.s
	defer close(s.pumped)
	for in != nil || p.held.len() > 0 && !s.awaited() {
		p.answerTaken()
		from, to := in, s.events
		if p.held.len() == 0 {
			to = nil
		}
		if p.held.len() >= s.mayHold() {
			from = nil
		}
		select {
		case ev, ok := <-from:
			if !ok {
				in = nil
				continue
			}
			p.forward(ev, from)
		case to <- p.held.first():
			p.held.drop()
			p.given++
		case <-s.begun: // a call, for which more may be held
		case <-p.look():
		case <-s.ctx.Done():
			return
		}
	}
}

// forward moves ev, and what waits behind it, until the program has no room or nothing
// waits. A pump that goes back to its select for each event is measurably slower.
func (p *pump) forward(ev Event, from <-chan Event) {
	for p.held.len() == 0 {
		if !p.give(ev) {
			return
		}
		select {
		case next, ok := <-from:
			if !ok {
				return // run will see it
			}
			ev = next
		default:
			return
		}
	}
	p.give(ev)
}

// give gives ev to the program, or holds it and reports false.
func (p *pump) give(ev Event) bool {
	if m, ok := ev.(mark); ok {
		p.note(m)
		return true
	}
	if p.held.len() == 0 {
		select {
		case p.s.events <- ev:
			p.given++
			p.answerTaken()
			return true
		default:
		}
	}
	p.held.push(ev)
	return false
}

// mayHold is the number of events that the pump may hold.
func (s *session) mayHold() int {
	if s.awaited() {
		return callFactor * s.opt.buffer
	}
	return 1
}

// awaited reports whether a call has begun and is not settled.
func (s *session) awaited() bool { return len(s.slots) > 0 }

// endPump returns when pump has moved what it can and has ended. Nothing can be delivered
// after it.
func (s *session) endPump() {
	if s.received != nil {
		close(s.received)
		<-s.pumped
		s.received = nil
	}
}

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
