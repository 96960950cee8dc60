package client

import (
	"math"
	"time"
)

// callFactor times ConnOptions.Buffer is the number of events that are held while a call
// awaits its reply: its caller may be the goroutine that receives events.
const callFactor = 16

// maxReceived bounds the part of ConnOptions.Buffer that is on its way to the pump.
const maxReceived = 256

// deliver hands ev to the program. It is false once the session has ended. While the
// buffer is full and no call awaits a reply it waits, so that the socket fills and the
// server conflates.
func (s *session) deliver(ev Event) bool {
	s.note(ev)
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

// How often the pump looks whether the program has taken what came before a mark: a channel
// tells nobody that something was received from it. An answer is late by an eighth of the time
// that it took, within these bounds.
const (
	minLook = time.Millisecond
	maxLook = 100 * time.Millisecond
)

// blockedAfter is how long a program that waits for a reply must have taken nothing, to count
// as one that will take nothing until it has the reply.
const blockedAfter = 250 * time.Millisecond

// mark is a mark of the server. It goes the way of the events, in their order.
type mark struct {
	conn *connection // that it came on, and is answered on
	n    uint64
	at   time.Time // when it came
}

func (mark) event() {}

// marked sends a mark the way of the events, or answers it if none came before it. The age in it is
// negative if it has none. It is false once the session has ended.
func (s *session) marked(conn *connection, n uint64, ageMS int64) bool {
	if s.events == nil { // an ingestor is sent none
		return true
	}
	if ageMS >= 0 {
		age := time.Duration(min(ageMS, math.MaxInt64/int64(time.Millisecond))) * time.Millisecond
		s.age.Store(&age)
	}
	if !conn.delivered {
		conn.answerMark(n)
		return true
	}
	return s.deliver(mark{conn, n, time.Now()})
}

// answerMark answers a mark, and with it all before. The reader may call it until it has
// delivered an event of the connection, and then the pump.
func (conn *connection) answerMark(n uint64) {
	conn.answer.Store(n)
	conn.signalUrgent()
}

// marks are those whose events the program has not taken. Only the pump uses them. There are
// no more than events that wait, because marks at one place are one.
type marks struct {
	pending []pendingMark // in order
	taken   uint64        // events that the program had taken when that was last looked at
	tookAt  time.Time     // when that was found to have grown
	timer   *time.Timer   // to look again
}

// pendingMark is answered once the program has taken that many events.
type pendingMark struct {
	mark
	after uint64
}

// note takes a mark behind as many events as the program was given or will be.
func (p *pump) note(m mark) {
	after := p.given + uint64(p.held.len())
	if n := len(p.marks.pending); n > 0 && p.marks.pending[n-1].after == after && p.marks.pending[n-1].conn == m.conn {
		p.marks.pending[n-1].n = m.n
	} else {
		p.marks.pending = append(p.marks.pending, pendingMark{m, after})
		if n == 0 {
			p.s.waiting.Store(&m.at)
		}
	}
	p.answerTaken()
}

// answerTaken answers the newest mark before which the program has taken everything.
func (p *pump) answerTaken() {
	m := &p.marks
	if len(m.pending) == 0 {
		return
	}
	taken, now := p.given-uint64(len(p.s.events)), time.Now()
	if taken != m.taken {
		m.taken, m.tookAt = taken, now
	}
	if p.s.awaited() && now.Sub(m.tookAt) >= blockedAfter {
		// The reply may be behind what the server holds back until these are answered.
		taken = m.pending[len(m.pending)-1].after
	}
	i := 0
	for i < len(m.pending) && m.pending[i].after <= taken {
		i++
	}
	if i > 0 {
		newest := m.pending[i-1]
		newest.conn.answerMark(newest.n)
		if now.Sub(newest.at) > maxLook {
			until := now.Add(slowBeat)
			p.s.slowTo.Store(&until)
		}
		m.pending = append(m.pending[:0], m.pending[i:]...)
		if p.s.waiting.Store(nil); len(m.pending) > 0 {
			at := m.pending[0].at
			p.s.waiting.Store(&at)
		}
	}
}

// look returns a channel that says when to look again, nil while no mark is pending.
func (p *pump) look() <-chan time.Time {
	m := &p.marks
	if len(m.pending) == 0 {
		return nil
	}
	wait := min(max(time.Since(m.pending[0].at)/8, minLook), maxLook)
	if m.timer == nil {
		m.timer = time.NewTimer(wait)
	} else {
		m.timer.Reset(wait)
	}
	return m.timer.C
}
