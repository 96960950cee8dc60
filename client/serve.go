package client

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/coder/websocket"
)

// closeTimeout bounds the orderly end of a connection: writing what is queued, and the
// closing handshake.
const closeTimeout = time.Second

// serve runs l until it ends and returns why.
func (s *session) serve(l *link) error {
	first := s.rejoin(l)
	go func() {
		defer close(l.readDone)
		l.readErr = s.read(l)
	}()
	go func() {
		defer close(l.writeDone)
		l.writeErr = s.write(l, first)
	}()
	silent := s.attend(l)
	s.up.Store(false)

	close(l.quit)
	_ = l.wire.Close() // both fail where the connection is gone already
	_ = l.ws.CloseNow()
	<-l.readDone
	<-l.writeDone
	l.pings.Wait()

	err := l.failure()
	if silent {
		err = fmt.Errorf("client: %w: no sign of life from the server for %v",
			ErrConnectionLost, s.opt.IdleTimeout+s.opt.PingTimeout)
	}
	for _, c := range l.waiting {
		s.settle(c, nil, err)
	}
	for {
		select {
		case c := <-l.inflight:
			s.settle(c, nil, err)
		default:
			return err
		}
	}
}

// attend returns when l is over, and whether that is for lack of any sign of life.
func (s *session) attend(l *link) (silent bool) {
	timer := time.NewTimer(s.opt.IdleTimeout)
	defer timer.Stop()
	asked := false // for a sign of life
	for {
		select {
		case <-l.readDone:
			if s.ctx.Err() != nil {
				s.shut(l)
			}
			return false
		case <-s.ctx.Done():
			s.shut(l)
			return false
		case <-l.writeDone:
			if s.ctx.Err() != nil {
				s.shut(l)
				return false
			}
			// What the server said last, as the code of its close, may still be on its way.
			select {
			case <-l.readDone:
			case <-s.ctx.Done():
			case <-time.After(closeTimeout):
			}
			return false
		case <-timer.C:
		}
		silence := l.wire.silence()
		switch {
		case s.stalled.Load(): // it is us who do not listen
			asked = false
			timer.Reset(s.opt.IdleTimeout)
		case silence < s.opt.IdleTimeout:
			asked = false
			timer.Reset(s.opt.IdleTimeout - silence)
		case !asked:
			asked = true
			l.pings.Go(func() { s.ping(l) })
			timer.Reset(s.opt.PingTimeout)
		default:
			return true
		}
	}
}

// ping asks for a sign of life. Whether one came is read from the wire.
func (s *session) ping(l *link) {
	ctx, cancel := context.WithTimeout(context.Background(), s.opt.PingTimeout)
	defer cancel()
	_ = l.ws.Ping(ctx) // a broken connection is the reader's to report, a silent one attend's
}

// shut ends l in an orderly way: what is queued, then the closing handshake.
func (s *session) shut(l *link) {
	force := time.AfterFunc(closeTimeout, func() { _ = l.wire.Close() })
	defer force.Stop()
	<-l.writeDone
	l.wire.shutTap()
	_ = l.ws.Close(websocket.StatusNormalClosure, "") // the server may be gone, or too late
}

// rejoin prepares the messages that join again what was joined.
func (s *session) rejoin(l *link) (messages [][]byte) {
	l.rejoined.Rooms = slices.Sorted(maps.Keys(s.rooms))
	for _, rooms := range splitRooms(l.rejoined.Rooms) {
		id := s.lastID.Add(1)
		l.rejoins[id] = slices.Clone(rooms)
		messages = append(messages, encodeJoin(rooms, &s.opt, id))
	}
	return messages
}
