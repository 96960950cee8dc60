package client

import (
	"fmt"
	"time"

	"github.com/coder/websocket"
)

// closeTimeout bounds the orderly end of a connection: writing what is queued, and the
// closing handshake.
const closeTimeout = time.Second

// slowBeat is how often a server sends something to a program that leaves marks unanswered.
const slowBeat = time.Second

// attend runs conn until it ends and returns why.
func (s *session) attend(conn *connection) error {
	first := s.rejoin(conn)
	go func() {
		defer close(conn.readDone)
		conn.readErr = s.read(conn)
	}()
	go func() {
		defer close(conn.writeDone)
		conn.writeErr = s.write(conn, first)
	}()
	silent := s.watch(conn)
	s.up.Store(false)

	close(conn.quit)
	_ = conn.wire.Close() // both fail where the connection is gone already
	_ = conn.ws.CloseNow()
	<-conn.readDone
	<-conn.writeDone
	s.age.Store(nil)

	err := conn.failure()
	switch {
	case silent > 0 && conn.beats.Load():
		err = fmt.Errorf("client: %w: no heartbeat or other message from the server for %v", ErrConnectionLost, silent)
	case silent > 0:
		err = fmt.Errorf("client: %w: no sign of life from the server for %v", ErrConnectionLost, silent)
	}
	for _, c := range conn.waiting {
		s.settle(c, nil, err)
	}
	for {
		select {
		case c := <-conn.inflight:
			s.settle(c, nil, err)
		default:
			return err
		}
	}
}

// beat is how often something comes at least, from a server that has promised heartbeats.
func (s *session) beat() time.Duration {
	if to := s.slowTo.Load(); s.waiting.Load() != nil || to != nil && time.Now().Before(*to) {
		return max(s.opt.heartbeat, slowBeat)
	}
	return s.opt.heartbeat
}

// watch returns when conn is over: for how long the server gave no sign of life, if that is the
// reason, and else 0.
func (s *session) watch(conn *connection) (silent time.Duration) {
	look := s.opt.IdleTimeout // at the latest: the server may promise heartbeats meanwhile
	if s.opt.heartbeat > 0 {
		look = min(look, 2*s.opt.heartbeat)
	}
	var wait alarm
	wait.set(look)
	timer := time.NewTimer(look)
	defer timer.Stop()
	var asked time.Time // when the server was asked for a sign of life, or got time to send one; zero: it was not
	for {
		select {
		case <-conn.readDone:
			if s.ctx.Err() != nil {
				s.shut(conn)
			}
			return 0
		case <-s.ctx.Done():
			s.shut(conn)
			return 0
		case <-conn.writeDone:
			if s.ctx.Err() != nil {
				s.shut(conn)
				return 0
			}
			// The server's last message, such as its close code, may still be on its way.
			select {
			case <-conn.readDone:
			case <-s.ctx.Done():
			case <-time.After(closeTimeout):
			}
			return 0
		case <-timer.C:
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
			wait.set(look)
		case silence < idle:
			asked = time.Time{}
			wait.set(min(look, idle-silence))
		case !asked.IsZero() && silence > time.Since(asked): // nothing has come since
			more := wait.grant()
			if more == 0 {
				return idle + last
			}
			timer.Reset(more)
			continue
		default:
			asked = time.Now()
			if !beats {
				conn.ping.Store(true)
				conn.signalUrgent()
			}
			wait.set(last)
		}
		timer.Reset(wait.after)
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
