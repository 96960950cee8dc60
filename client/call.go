package client

import (
	"context"
	"fmt"
	"sync/atomic"

	"backbone/protocol"
)

// request is one message on its way to a writer.
type request struct {
	data []byte
	call *call // nil: no caller waits for a reply

	events int // of an Ingestor's events; 0: it is none

	claimed bool // by the writer, so that its caller cannot withdraw it
}

// call is a request that waits for its reply. It holds one of the session's slots
// until it is settled or withdrawn.
type call struct {
	// Immutable once the request is queued.
	id     uint64
	join   JoinOptions             // of a join: what the program asks for
	sent   JoinOptions             // of a join: what it asks the server for, see keeping
	plain  bool                    // a join that asks for nothing of the connection as a whole
	stays  bool                    // nobody withdraws it
	event  bool                    // it is one of an Ingestor
	prefix bool                    // it joins or leaves a prefix
	leave  *protocol.ClientMessage // of a leave

	// Set by the writer, which then sends the request, or by a caller that no longer waits.
	// If the caller sets it first, the request is never sent.
	claimed atomic.Bool

	behind uint64 // a leave was sent again, behind all joins with ids up to this; 0: it was not; owned by the reader

	// Written once, by the goroutine that settles the call; read after done is closed.
	done  chan struct{}
	reply *protocol.ServerMessage // nil for an ack and for a call that was lost
	err   error
}

// begin queues a request. It blocks while too many are queued or unanswered.
func (s *session) begin(ctx context.Context, build func(*call) []byte) (*call, error) {
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	select {
	case s.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, notSent(ctx)
	case <-s.ctx.Done():
		return nil, s.ended()
	}
	select {
	case s.begun <- struct{}{}:
	default: // one signal is enough
	}
	c := &call{id: s.lastID.Add(1), done: make(chan struct{})}
	r := request{data: build(c), call: c}
	if c.event {
		r.events = 1
	}
	if err := s.enqueue(ctx, r); err != nil {
		<-s.slots
		return nil, err
	}
	return c, nil
}

// enqueue hands r to the writer of this connection or the next.
func (s *session) enqueue(ctx context.Context, r request) error {
	if err := s.usable(ctx); err != nil {
		return err
	}
	select {
	case s.out <- r:
		return nil
	default:
	}
	select {
	case s.out <- r:
		return nil
	case <-ctx.Done():
		return notSent(ctx)
	case <-s.ctx.Done():
		return s.ended()
	}
}

// writeOrKeep writes a request, or keeps it back: a prefix is joined behind what is joined again, see isBehind, and
// left behind that. Only the writer may call it.
func (s *session) writeOrKeep(conn *connection, r request) error {
	if conn.keeps(r) {
		conn.behind = append(conn.behind, r)
		return nil
	}
	return s.writeRequest(conn, r)
}

// keeps reports whether the writer keeps r back.
func (conn *connection) keeps(r request) bool {
	return r.call != nil && r.call.prefix && (len(conn.behind) > 0 || r.call.leave == nil && conn.rejoining.Load())
}

func (s *session) writeRequest(conn *connection, r request) error {
	if r.call != nil {
		conn.inflight <- r.call
	}
	if err := conn.writeText(r.data); err != nil {
		return err
	}
	s.counts.sent.Add(uint64(r.events))
	return nil
}

// writeBehind writes what was kept back, once it may be.
func (s *session) writeBehind(conn *connection) error {
	for len(conn.behind) > 0 && !conn.rejoining.Load() {
		r := conn.behind[0]
		conn.behind = conn.behind[1:]
		if err := s.writeRequest(conn, r); err != nil {
			return err
		}
	}
	return nil
}

// usable returns an error if the session or ctx has ended. A select with several ready cases
// might choose another one.
func (s *session) usable(ctx context.Context) error {
	if s.ctx.Err() != nil {
		return s.ended()
	}
	if ctx.Err() != nil {
		return notSent(ctx)
	}
	return nil
}

// await returns the reply to c.
func (s *session) await(ctx context.Context, c *call) (*protocol.ServerMessage, error) {
	select {
	case <-c.done:
		return c.reply, c.err
	default:
	}
	select {
	case <-c.done:
		return c.reply, c.err
	case <-ctx.Done():
		return nil, fmt.Errorf("client: no reply yet, the request may have been carried out: %w", context.Cause(ctx))
	case <-s.done:
	}
	select {
	case <-c.done: // settled just before the end
		return c.reply, c.err
	default:
		return nil, s.ended()
	}
}

// do sends a request and waits for its reply. A request that still waits to be
// written when ctx ends is never sent.
func (s *session) do(ctx context.Context, build func(*call) []byte) (*protocol.ServerMessage, error) {
	c, err := s.begin(ctx, build)
	if err != nil {
		return nil, err
	}
	m, err := s.await(ctx, c)
	if ctx.Err() != nil && c.claimed.CompareAndSwap(false, true) {
		s.kept.withdraw()
		<-s.slots
		return nil, notSent(ctx)
	}
	return m, err
}

func notSent(ctx context.Context) error {
	return fmt.Errorf("client: the request was not sent: %w", context.Cause(ctx))
}

// settle gives c its reply.
func (s *session) settle(c *call, reply *protocol.ServerMessage, err error) {
	c.reply, c.err = reply, err
	close(c.done)
	<-s.slots
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
