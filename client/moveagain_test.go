package client

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"backbone/protocol"
)

// left answers a leave.
func (p *peer) left() {
	p.t.Helper()
	m := p.expect(protocol.TypeLeave)
	p.answer(protocol.ServerMessage{Type: protocol.TypeLeft, Room: m.Room, ID: m.ID})
}

// A room that the program leaves is joined by no change of stamps, and what it joins meanwhile gets and loses
// stamps as the others do.
func TestAMoveKeepsToTheRoomsOfTheProgram(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newPipeServer(t)
		c, old := s.joined()
		joined := s.call(func(ctx context.Context) error { return c.Join(ctx, "B", "C", "D") })
		old.join()
		joined()
		left := s.call(func(ctx context.Context) error { return c.Leave(ctx, "B") })
		leave := old.expect(protocol.TypeLeave)
		old.drains(1000)
		fence := old.expect(protocol.TypePing)
		old.write(`{"type":"left","room":"B","id":"`+leave.ID+`"}`, pongTo(fence.ID))
		left()
		old.restamp(true, "A", "C", "D")

		left = s.call(func(ctx context.Context) error { return c.Leave(ctx, "A") })
		old.left()
		left()
		for room, opt := range map[string]JoinOptions{"C": {Stamp: true}, "E": {}} {
			joined := s.call(func(ctx context.Context) error { return c.JoinWith(ctx, opt, room) })
			old.join()
			joined()
		}
		left = s.call(func(ctx context.Context) error { return c.Leave(ctx, "D") })
		old.left()
		left()
		joined = s.call(func(ctx context.Context) error { return c.Join(ctx, "D") })
		old.join()
		joined()

		next := s.accept()
		old.fence()
		old.restamp(true, "D", "E")
		var rooms []string
		for len(rooms) < 4 {
			m := next.join()
			if !m.Stamp {
				t.Errorf("it joins with %+v", m)
			}
			rooms = append(rooms, m.Rooms...)
		}
		if slices.Sort(rooms); !slices.Equal(rooms, []string{"C", "D", "E", "S"}) || !slices.Equal(rooms, c.Rooms()) {
			t.Errorf("it joins %v, and says %v", rooms, c.Rooms())
		}
		_ = old.untilGone()
		next.restamp(false, "D", "E")
		hearsShort(t, c, "Moved")
		next.write(stamped("C", "e.0", 1, false))
		hearsShort(t, c, "C1S")
	})
}

// A move that fails is tried again, at the next server. Stamps that only a move wanted reach the program at no
// time, and once there is no more move nothing is said to be missed in rooms that want none.
func TestAMoveIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newPipeServer(t)
		c, old := s.joined()
		next := s.moves(old)
		next.expect(protocol.TypeJoin)
		old.write(`{"type":"message","room":"A","data":"once"}`)
		hearsShort(t, c, "chat once")
		next.kill()
		next = s.accept()
		old.fence() // nothing has to be stamped any more
		next.join()
		next.join()
		next.write(`{"type":"message","room":"A","data":"once"}`) // again, which is another one by now
		_ = old.untilGone()
		hearsShort(t, c, "Moved", "chat once")
		next.fence()
		if text := next.readText(); !strings.Contains(text, lastPlainID) {
			t.Fatalf("server got %s", text)
		}
		next.write(`{"type":"error","code":"invalid_event","message":"no","id":"`+lastPlainID+`"}`, stamped("A", "e.0", 1, false))
		hearsShort(t, c, "A1")

		next.close(websocket.StatusServiceRestart, "")
		expectDisconnected(t, c)
		last := s.accept()
		last.join()
		last.join()
		last.write(price("A", "2", 1))
		hearsShort(t, c, "Connected", "Rejoined", "A2")
		last.drains(0) // stamps are as off as on any new connection
		last.fence()
		last.restamp(true, "A")
	})
}

// What was lost or left out on the way to the next connection came on the one before, or is told there.
func TestAMoveCountsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newPipeServer(t)
		c, old := s.joined()
		next := s.moves(old)
		next.join()
		next.join()
		next.write(`{"type":"lost","room":"A","messages":3}`, `{"type":"conflated","room":"S","skipped":3}`, stamped("S", "e.0", 9, false), `{"type":"mark","n":1}`)
		next.expect(protocol.TypeMarked) // it has come
		old.write(`{"type":"lost","room":"A","messages":2}`)
		_ = old.untilGone()
		hearsShort(t, c, "Lost", "Moved", "S9S")
		next.restamp(false, "A")
		next.write(`{"type":"lost","room":"A","messages":1}`)
		hearsShort(t, c, "Lost")
	})
}

// What a room with a rate does not bring on either connection is left out because of the rate, and not missed.
func TestAMoveOfARoomWithARateMissesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newPipeServer(t)
		c, old := s.consumer(ConnOptions{})
		joined := s.call(func(ctx context.Context) error { return c.JoinWith(ctx, JoinOptions{Stamp: true, MaxRate: 2}, "S") })
		old.join()
		joined()
		old.write(stamped("S", "e.0", 4, false))
		old.drains(0)
		next := s.accept()
		old.fence()
		if m := next.join(); m.MaxRate == nil || *m.MaxRate != 2 {
			t.Errorf("it joins with %+v", m)
		}
		next.write(stamped("S", "e.0", 4, true), `{"type":"conflated","room":"S","skipped":4}`, stamped("S", "e.0", 9, false), `{"type":"mark","n":1}`)
		next.expect(protocol.TypeMarked) // it has come
		old.write(`{"type":"conflated","room":"S","skipped":1}`, stamped("S", "e.0", 6, false))
		_ = old.untilGone()
		hearsShort(t, c, "S4S", "left out S 1", "S6S", "Moved", "left out S 2", "S9S")
	})
}

// What the next connection brings while it takes over is bounded by who takes it, and ends with the Conn.
func TestCloseWhileTheNextConnectionTakesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newPipeServer(t)
		c, old := s.consumer(ConnOptions{Buffer: 4})
		joined := s.call(func(ctx context.Context) error { return c.JoinWith(ctx, JoinOptions{Stamp: true}, "S") })
		old.join()
		joined()
		old.drains(0)
		next := s.accept()
		old.fence()
		next.join()
		for i := range 100 {
			next.write(stamped("S", "e.0", uint64(i+1), false))
		}
		_ = old.untilGone()
		next.write(stamped("S", "e.0", 200, false))
		synctest.Wait() // it waits for who takes it
		async(t, func() { _ = next.untilGone() })
		c.Close()
	})
}

// A connection that ends before the next one has taken over is that of its own server: the server that it was
// to move to is tried first.
func TestTheServerOfAnAbortedMoveIsTriedNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newSeveral(t)
		c := v.dial(t)
		old := v.servers["a"].accept()
		old.drains(0)
		next := v.servers["b"].accept()
		async(t, func() { _ = next.untilGone() })
		v.expectTried(t, "a b")
		old.close(websocket.StatusCode(CloseTooMany), "")
		if d := expectDisconnected(t, c); d.Wait > 100*time.Millisecond {
			t.Errorf("the next server is tried after %v", d.Wait)
		}
		expectEvent(t, c, Connected{})
		v.expectTried(t, "b")
	})
}
