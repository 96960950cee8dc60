package client

import (
	"math"
	"time"
)

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
