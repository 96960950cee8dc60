package client

import "sync/atomic"

// spillFactor times Options.Buffer is the number of events that are kept beyond the
// buffer while an answer is awaited.
const spillFactor = 16

// spill takes events past a full buffer while a call awaits its answer: its caller may
// be the one who empties the buffer. A goroutine of its own moves them on, in order.
type spill struct {
	queue   chan Event    // closed by the reader at its end
	emptied chan struct{} // a signal, each time that nothing is left
	left    atomic.Int64  // events put in and not yet delivered
	done    chan struct{} // closed when the goroutine has ended
}

// deliver hands ev to the program. It is false once the session has ended. While the
// buffer is full and nobody awaits an answer it waits, so that the socket fills and the
// server conflates.
func (s *session) deliver(l *link, ev Event) bool {
	if s.events == nil {
		s.tell(ev)
		return true
	}
	behind := l.spill != nil && l.spill.left.Load() > 0
	if !behind {
		select {
		case s.events <- ev:
			return true
		default:
		}
	}
	if len(l.waiting)+len(l.inflight) > 0 {
		if l.spill == nil {
			l.spill = s.startSpill()
		}
		l.spill.left.Add(1)
		return l.push(s, l.spill.queue, ev)
	}
	for behind {
		l.stalled.Store(true)
		select {
		case <-l.spill.emptied:
			behind = l.spill.left.Load() > 0
		case <-s.ctx.Done():
			return false
		}
	}
	return l.push(s, s.events, ev)
}

// push waits for a place in to.
func (l *link) push(s *session, to chan<- Event, ev Event) bool {
	l.stalled.Store(true)
	defer l.stalled.Store(false)
	select {
	case to <- ev:
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
			if !s.emit(ev) {
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

// endSpill waits until all that was kept is delivered.
func (l *link) endSpill() {
	if l.spill != nil {
		close(l.spill.queue)
		<-l.spill.done
	}
}
