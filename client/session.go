package client

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"backbone/internal/serverurl"
)

// session keeps one connection up, or tries to, until it is closed or refused. Conn and
// Ingestor are its two public types.
type session struct {
	// Immutable after open.
	opt    settings
	events chan Event // nil for an Ingestor, whose events go to opt.onEvent
	// Ends with close, or with the refusal that is its cause.
	ctx    context.Context
	stop   context.CancelCauseFunc
	out    chan request  // any goroutine -> writer
	slots  chan struct{} // a place for each call that is not settled
	begun  chan struct{} // a signal for the pump: a call has taken its slot
	asking chan struct{} // has one place: for who asks Options.Token
	done   chan struct{} // closed by run, last
	pumped chan struct{} // closed by pump, last; nil for an Ingestor

	lastID  atomic.Uint64
	state   atomic.Pointer[State] // set by run
	stalled atomic.Bool           // the program does not take what is received, so nothing is read
	extra   atomic.Bool           // prices come with stamps that the program does not want; set by a move, cleared by the reader; between two connections by run
	plain   atomic.Bool           // the server of this connection knows no marks or no heartbeats, and is asked for neither

	age     atomic.Pointer[time.Duration] // that the server has told last; nil: none on this connection; set by the reader, cleared by run
	waiting atomic.Pointer[time.Time]     // when the oldest mark came that the program has not come to; nil: there is none; set by the pump
	slowTo  atomic.Pointer[time.Time]     // until when the server may still take the program for slow; nil: it never has; set by the pump

	counts counts

	servers servers

	// Owned by the writer; between two connections and after the last by run.
	next request // taken from out and not yet written
	kept *kept   // nil for a Conn; see hold

	// Owned by the reader; between two connections by run. See joinedRooms for what others
	// may read.
	rooms    joinedRooms
	received chan Event // to the pump; nil for an Ingestor and after the end

	// Written by run before it closes done.
	unsent int // messages still queued at the end
}

// open makes the first attempt, within ctx, and starts the session.
func open(ctx context.Context, rawURL, path string, opt settings) (*session, error) {
	if err := opt.check(); err != nil {
		return nil, err
	}
	urls, err := serverurl.Parse(rawURL)
	if err != nil {
		return nil, fmt.Errorf("client: the URL %w", err)
	}
	s := &session{
		opt:    opt,
		out:    make(chan request, opt.SendQueue),
		slots:  make(chan struct{}, opt.MaxInFlight),
		begun:  make(chan struct{}, 1),
		asking: make(chan struct{}, 1),
		done:   make(chan struct{}),
		rooms:  joinedRooms{names: map[string]string{}, counts: map[string]*roomCounts{}},
	}
	if opt.buffer == 0 {
		s.kept = newKept(opt.outage, opt.outageBuffer, func(c *call, err error) { s.settle(c, nil, err) })
	}
	s.servers.path, s.servers.renews = path, opt.Token != nil
	for _, u := range urls {
		s.servers.all = append(s.servers.all, target{Server: u})
	}
	conn, err := s.round(ctx)
	if err != nil && (!opt.KeepTrying || s.servers.final(err) || ctx.Err() != nil) {
		return nil, err
	}
	s.ctx, s.stop = context.WithCancelCause(context.Background())
	st := State{}.disconnected(err)
	if conn != nil {
		st = s.connectedTo(conn, false)
	}
	s.state.Store(&st)
	if opt.buffer > 0 {
		s.startPump()
	}
	go s.run(conn, err)
	return s, nil
}

// run attends to conn, if it is not nil, and to every connection after it. If conn is nil, err
// says why.
func (s *session) run(conn *connection, err error) {
	defer s.finish()
	if conn != nil {
		s.change(*s.state.Load())
	}
	for failures := 0; ; failures++ {
		if conn != nil {
			began := time.Now()
			if !conn.moved {
				s.tapInto(conn)
				s.kept.decide()
				conn.leftOut = s.kept.told()
			}
			var next *connection
			if next, err = s.attend(conn); next != nil {
				conn, failures = next, -1
				s.counts.moves.Add(1)
				s.change(s.connectedTo(conn, true))
				continue
			}
			if time.Since(began) >= s.opt.BackoffMax {
				failures = 0
			}
			s.lost(conn, err)
		}
		if s.ctx.Err() != nil {
			return
		}
		if s.servers.final(err) {
			s.endPump() // the program gets all events before it
			s.stop(err)
			return
		}
		conn, err = s.again(failures, err)
	}
}

// again makes the next attempt, after failures in a row of which the last had this error, unless the session
// ends before.
func (s *session) again(failures int, last error) (*connection, error) {
	defer s.hold()()
	wait := s.wait(failures)
	st := s.state.Load().disconnected(last)
	st.Attempt, st.Wait = failures+1, wait
	s.change(st)
	if !s.deliver(Disconnected{Err: last, Attempt: failures + 1, Wait: wait}) {
		return nil, s.ended()
	}
	if !sleep(s.ctx, wait) {
		return nil, s.ended()
	}
	conn, err := s.round(s.ctx)
	if err != nil {
		s.counts.failures.Add(1)
		return nil, err
	}
	conn.back = true
	s.counts.reconnects.Add(1)
	s.change(s.connectedTo(conn, false))
	return conn, nil
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
	if left := s.kept.told(); left != (LeftOut{}) {
		s.deliver(left)
	}
	s.endPump()
	end := s.state.Load().disconnected(s.err())
	end.Ended = true
	s.change(end)
	if s.events != nil {
		close(s.events)
	}
	close(s.done)
}

func (s *session) tell(ev Event) {
	if s.opt.onEvent != nil {
		s.opt.onEvent(ev)
	}
}

// ended is the error of calls that come too late: ErrClosed, or one that wraps ErrRefused.
func (s *session) ended() error { return context.Cause(s.ctx) }

// err is why the session ended or is about to; nil before, and after close.
func (s *session) err() error {
	if err := s.ended(); !errors.Is(err, ErrClosed) {
		return err
	}
	return nil
}

// close ends the session and returns when no goroutine of it is left.
func (s *session) close() {
	s.stop(ErrClosed)
	<-s.done
}
