package client

import (
	"fmt"
	"time"

	"github.com/coder/websocket"

	"backbone/internal/awake"
)

// closeTimeout bounds the orderly end of a connection: writing what is queued, and the
// closing handshake.
const closeTimeout = time.Second

// slowBeat is how often a server sends something to a program that leaves marks unanswered.
const slowBeat = time.Second

// attend runs conn until it ends and returns why, or the connection that takes over from it.
func (s *session) attend(conn *connection) (next *connection, err error) {
	var first [][]byte
	if conn.moved {
		s.takeOver(conn)
	} else {
		first = s.rejoin(conn)
	}
	go func() {
		defer close(conn.readDone)
		conn.readErr = s.read(conn)
	}()
	go func() {
		defer close(conn.writeDone)
		conn.writeErr = s.write(conn, first)
	}()
	stopRenewal := s.renew(conn)
	conn.unstamping = s.unstamp(conn)
	silent, under := s.watch(conn)
	next = under.end()
	if next == nil {
		st := s.state.Load().disconnected(nil)
		s.state.Store(&st) // run tells why
	}

	conn.unstamping()
	stopRenewal()
	close(conn.quit)
	if next != nil {
		s.shut(conn)
	}
	_ = conn.wire.Close() // both fail where the connection is gone already
	_ = conn.ws.CloseNow()
	<-conn.readDone
	<-conn.writeDone
	if conn.standby != nil {
		conn.standby.drain()
	}
	s.age.Store(nil)

	if next != nil {
		if f := conn.fence.Load(); f != nil {
			next.repeats = countOf(f.overlap)
		}
		if len(conn.rejoins)+len(conn.later) > 0 {
			next.owed = &conn.rejoined
		}
	}
	err = conn.failure()
	switch {
	case silent > 0 && conn.beats.Load():
		err = fmt.Errorf("client: %w: no heartbeat or other message from the server for %v", ErrConnectionLost, silent)
	case silent > 0:
		err = fmt.Errorf("client: %w: no sign of life from the server for %v", ErrConnectionLost, silent)
	}
	for _, c := range conn.waiting {
		s.settle(c, nil, err)
	}
	for _, r := range conn.behind {
		s.settle(r.call, nil, err)
	}
	for {
		select {
		case c := <-conn.inflight:
			s.settle(c, nil, err)
		default:
			return next, err
		}
	}
}

func countOf(texts []string) map[string]int {
	n := make(map[string]int, len(texts))
	for _, t := range texts {
		n[t]++
	}
	return n
}

// beat is how often something comes at least, from a server that has promised heartbeats.
func (s *session) beat() time.Duration {
	if to := s.slowTo.Load(); s.waiting.Load() != nil || to != nil && time.Now().Before(*to) {
		return max(s.opt.heartbeat, slowBeat)
	}
	return s.opt.heartbeat
}

// watch returns when conn is over, or another one can take over: for how long the server gave no sign of
// life, if that is the reason, and else 0; and the move to another connection that has begun, if one has.
func (s *session) watch(conn *connection) (silent time.Duration, under *move) {
	look := s.opt.IdleTimeout // at the latest: the server may promise heartbeats meanwhile
	if s.opt.heartbeat > 0 {
		look = min(look, 2*s.opt.heartbeat)
	}
	wait := awake.NewTimer(look)
	defer wait.Stop()
	var asked time.Time // when the server was asked for a sign of life, or got time to send one; zero: it was not
	var moved chan struct{}
	var pause <-chan time.Time // before what is in conn.soon
	for {
		select {
		case d := <-conn.pauses:
			pause = time.After(d)
			continue
		case <-pause:
			conn.due.Store(true)
			conn.signalUrgent()
			continue
		case after := <-conn.drains:
			if under == nil && s.mayMove() {
				under = s.startMove(conn, after)
				moved = under.done
			}
			continue
		case <-moved:
			if moved = nil; under.next != nil {
				return 0, under
			}
			continue
		case <-conn.readDone:
			if s.ctx.Err() != nil {
				s.shut(conn)
			}
			return 0, under
		case <-s.ctx.Done():
			s.shut(conn)
			return 0, under
		case <-conn.writeDone:
			if s.ctx.Err() != nil {
				s.shut(conn)
				return 0, under
			}
			// The server's last message, such as its close code, may still be on its way.
			select {
			case <-conn.readDone:
			case <-s.ctx.Done():
			case <-time.After(closeTimeout):
			}
			return 0, under
		case <-wait.C:
		}
		silence, idle, last := conn.wire.silence(), s.opt.IdleTimeout, s.opt.PingTimeout
		beats := conn.beats.Load()
		if beats {
			beat := s.beat()
			idle, last = 2*beat, beat/2
		}
		switch {
		case s.stalled.Load(): // the program does not read, so silence says nothing
			asked = time.Time{}
			wait.Reset(look)
		case silence < idle:
			asked = time.Time{}
			wait.Reset(min(look, idle-silence))
		case !asked.IsZero() && silence > time.Since(asked): // nothing has come since
			if !wait.Granted() {
				return idle + last, under
			}
		default:
			asked = time.Now()
			if !beats {
				conn.ping.Store(true)
				conn.signalUrgent()
			}
			wait.Reset(last)
		}
	}
}

// shut ends conn in an orderly way: what is queued, then the closing handshake.
func (s *session) shut(conn *connection) {
	force := time.AfterFunc(closeTimeout, func() { _ = conn.wire.Close() })
	defer force.Stop()
	<-conn.writeDone
	conn.wire.shutTap()
	_ = conn.ws.Close(websocket.StatusNormalClosure, "") // the server may be gone, or too late
}
