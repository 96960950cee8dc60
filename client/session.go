package client

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"backbone/protocol"
)

// session keeps one connection up, or tries to, until its context ends. Conn and
// Ingestor are its two faces.
type session struct {
	// Immutable after open.
	url, shown string // to dial, and to print
	opt        Options
	events     chan Event // nil: to opt.OnEvent
	ctx        context.Context
	stop       context.CancelCauseFunc
	out        chan request  // any goroutine -> writer
	slots      chan struct{} // a place for each call that is not settled
	begun      chan struct{} // a signal for deliver: a call has taken its place
	done       chan struct{} // closed by run, last

	lastID  atomic.Uint64
	up      atomic.Bool // there is a connection
	stalled atomic.Bool // the program does not take what is received, so nothing is read

	// Owned by the writer; between two connections and after the last by run.
	next request // taken from out and not yet written

	// Owned by the reader; between two connections by run.
	rooms map[string]string // joined rooms, to join again; name -> the same string
	spill *spill            // nil until needed

	// Written by run before it closes done.
	unsent int // messages still queued at the end
}

// open makes the first attempt and starts the session.
func open(ctx context.Context, rawURL, path string, role protocol.Role, opt *Options) (*session, error) {
	s := &session{
		opt:   opt.withDefaults(role),
		begun: make(chan struct{}, 1),
		done:  make(chan struct{}),
		rooms: map[string]string{},
	}
	if err := s.opt.check(); err != nil {
		return nil, err
	}
	u, err := endpoint(rawURL, path)
	if err != nil {
		return nil, err
	}
	s.url, s.shown = u.String(), u.Redacted()
	s.out = make(chan request, s.opt.SendQueue)
	s.slots = make(chan struct{}, s.opt.MaxInFlight)
	if role == protocol.Consumer {
		s.events = make(chan Event, s.opt.Buffer)
	}
	l, err := s.dial(ctx)
	if err != nil && (!s.opt.KeepTrying || errors.Is(err, ErrRefused) || ctx.Err() != nil) {
		return nil, err
	}
	s.ctx, s.stop = context.WithCancelCause(ctx)
	s.up.Store(l != nil)
	go s.run(l, err)
	return s, nil
}

// run serves l, if there is one, and every connection after it. err is why there is
// none.
func (s *session) run(l *link, err error) {
	defer s.finish()
	for failures := 0; ; failures++ {
		if l != nil {
			began := time.Now()
			s.tapInto(l)
			err = s.serve(l)
			if time.Since(began) >= s.opt.BackoffMax {
				failures = 0
			}
		}
		if s.ctx.Err() != nil {
			return
		}
		if errors.Is(err, ErrRefused) {
			s.drainSpill()
			s.stop(err)
			return
		}
		wait := s.opt.backoff(failures, err, jitter())
		if !s.deliver(Disconnected{Err: err, Attempt: failures + 1, Wait: wait}) {
			return
		}
		select {
		case <-time.After(wait):
		case <-s.ctx.Done():
			return
		}
		if l, err = s.dial(s.ctx); err == nil {
			l.back = true
		}
		s.up.Store(err == nil)
	}
}

// finish fails what is still queued.
func (s *session) finish() {
	r := s.next
	if r.data == nil {
		r = s.poll()
	}
	for ; r.data != nil; r = s.poll() {
		s.unsent++
		if r.call != nil {
			s.settle(r.call, nil, s.ended())
		}
	}
	s.endSpill()
	if s.events != nil {
		close(s.events)
	}
	close(s.done)
}

func (s *session) tell(ev Event) {
	if s.opt.OnEvent != nil {
		s.opt.OnEvent(ev)
	}
}

// ended is the error of calls that come too late.
func (s *session) ended() error {
	cause := context.Cause(s.ctx)
	if errors.Is(cause, ErrClosed) || errors.Is(cause, ErrRefused) {
		return cause
	}
	return fmt.Errorf("client: the context of Dial ended: %w", cause)
}

// err is why the session ended or is about to; nil before, and after close.
func (s *session) err() error {
	if s.ctx.Err() == nil || errors.Is(context.Cause(s.ctx), ErrClosed) {
		return nil
	}
	return s.ended()
}

// close ends the session and returns when no goroutine of it is left.
func (s *session) close() {
	s.stop(ErrClosed)
	<-s.done
}
