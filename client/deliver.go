package client

import "sync/atomic"

// spillFactor times ConnOptions.Buffer is the number of events that are kept beyond the
// buffer while a call awaits its answer.
const spillFactor = 16

// spill takes events past a full buffer while a call awaits its answer: its caller may
// be the one who empties the buffer. A goroutine of its own moves them on, in order.
type spill struct {
	queue   chan Event    // closed by run at its end
	emptied chan struct{} // a signal, each time that nothing is left
	left    atomic.Int64  // events put in and not yet delivered
	done    chan struct{} // closed when the goroutine has ended
}

// deliver hands ev to the program. It is false once the session has ended. While the
// buffer is full and nobody awaits an answer it waits, so that the socket fills and the
// server conflates. A call that begins meanwhile ends the wait.
func (s *session) deliver(ev Event) bool {
	if s.events == nil {
		s.tell(ev)
		return true
	}
	if !s.behind() {
		select {
		case s.events <- ev:
			return true
		default:
		}
	}
	s.stalled.Store(true)
	defer s.stalled.Store(false)
	for !s.awaited() {
		to, emptied := s.events, (chan struct{})(nil)
		if s.behind() {
			to, emptied = nil, s.spill.emptied
		}
		select {
		case to <- ev:
			return true
		case <-emptied:
		case <-s.begun:
		case <-s.ctx.Done():
			return false
		}
	}
	return s.keep(ev)
}

// awaited reports whether a call has begun and is not settled.
func (s *session) awaited() bool { return len(s.slots) > 0 }

// behind reports whether events were kept that the program has yet to take.
func (s *session) behind() bool { return s.spill != nil && s.spill.left.Load() > 0 }

// keep hands ev to the spill.
func (s *session) keep(ev Event) bool {
	if s.spill == nil {
		s.spill = s.startSpill()
	}
	s.spill.left.Add(1)
	select {
	case s.spill.queue <- ev:
		return true
	case <-s.ctx.Done():
		return false
	}
}

func (s *session) startSpill() *spill {
	sp := &spill{
		queue:   make(chan Event, spillFactor*s.opt.buffer),
		emptied: make(chan struct{}, 1),
		done:    make(chan struct{}),
	}
	go func() {
		defer close(sp.done)
		for ev := range sp.queue {
			select {
			case s.events <- ev:
			case <-s.ctx.Done():
				return
			}
			if sp.left.Add(-1) == 0 {
				select {
				case sp.emptied <- struct{}{}:
				default:
				}
			}
		}
	}()
	return sp
}

// drainSpill waits until all that was kept is taken, or a call wants to know how the
// session ended.
func (s *session) drainSpill() {
	for s.behind() && !s.awaited() {
		select {
		case <-s.spill.emptied:
		case <-s.begun:
		case <-s.ctx.Done():
			return
		}
	}
}

// endSpill ends the spill's goroutine. The session must have ended.
func (s *session) endSpill() {
	if s.spill != nil {
		close(s.spill.queue)
		<-s.spill.done
	}
}
