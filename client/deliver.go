package client

import "sync/atomic"

// spillFactor times Options.Buffer is the number of events that are kept beyond the
// buffer while an answer is awaited.
const spillFactor = 16

// spill takes events past a full buffer while a call awaits its answer: its caller may
// be the one who empties the buffer. A goroutine of its own moves them on, in order.
type spill struct {
	queue   chan Event    // closed by run at the session's end
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
	for {
		to, emptied := s.events, (chan struct{})(nil)
		if s.spill != nil && s.spill.left.Load() > 0 { // which ev must not overtake
			to, emptied = nil, s.spill.emptied
		}
		select {
		case to <- ev:
			return true
		default:
		}
		if len(s.slots) > 0 {
			return s.keep(ev)
		}
		s.stalled.Store(true)
		select {
		case to <- ev:
			s.stalled.Store(false)
			return true
		case <-emptied:
		case <-s.begun:
		case <-s.ctx.Done():
			return false
		}
		s.stalled.Store(false)
	}
}

// keep puts ev behind what does not fit into the buffer.
func (s *session) keep(ev Event) bool {
	if s.spill == nil {
		s.spill = s.startSpill()
	}
	s.spill.left.Add(1)
	s.stalled.Store(true)
	defer s.stalled.Store(false)
	select {
	case s.spill.queue <- ev:
		return true
	case <-s.ctx.Done():
		return false
	}
}

func (s *session) startSpill() *spill {
	sp := &spill{
		queue:   make(chan Event, spillFactor*s.opt.Buffer),
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

// endSpill ends the goroutine that moves on what was kept, once the session has ended.
func (s *session) endSpill() {
	if s.spill != nil {
		close(s.spill.queue)
		<-s.spill.done
	}
}
