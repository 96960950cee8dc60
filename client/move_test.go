package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"backbone/protocol"
)

// short is an event in few characters: a price as room, number, S for a stamp and = for a snapshot.
func short(ev Event) string {
	switch e := ev.(type) {
	case PriceUpdate:
		text := e.Instrument + e.Price.String()
		if e.Stamp != nil {
			text += "S"
		}
		if e.Snapshot {
			text += "="
		}
		return text
	case Missed:
		return fmt.Sprintf("missed %s %d %t", e.Room, e.Events, e.Exact)
	case Conflated:
		return fmt.Sprintf("left out %s %d", e.Room, e.Skipped)
	case ChatMessage:
		return "chat " + e.Text
	case Unknown:
		return "unknown " + e.Type
	}
	return fmt.Sprintf("%T", ev)[len("client."):]
}

func hearsShort(t *testing.T, c *Conn, want ...string) {
	t.Helper()
	for _, w := range want {
		if got := short(nextEvent(t, c)); got != w {
			t.Fatalf("event %s, want %s", got, w)
		}
	}
}

// fence answers the ping behind which nothing comes.
func (p *peer) fence() {
	p.t.Helper()
	m := p.expect(protocol.TypePing)
	if !strings.HasPrefix(m.ID, fenceID) {
		p.t.Fatalf("server got the ping %q", m.ID)
	}
	p.write(pongTo(m.ID))
}

// pongs answers fences until it has answered a ping of the program.
func (p *peer) pongs() {
	for fence := true; fence; {
		m := p.expect(protocol.TypePing)
		p.write(pongTo(m.ID))
		fence = strings.HasPrefix(m.ID, fenceID)
	}
}

// restamp expects the join that turns stamps on or off, and answers it. A fence is before one that turns them off.
func (p *peer) restamp(on bool, rooms ...string) {
	p.t.Helper()
	if !on {
		p.fence()
	}
	text, id := p.readText(), lastPlainID
	if on {
		id = stampID
	}
	if want := fmt.Sprintf(`"stamp":%t,"id":"%s"}`, on, id); !strings.HasSuffix(text, want) || !strings.Contains(text, `"`+strings.Join(rooms, `","`)+`"`) {
		p.t.Fatalf("server got %s, want a join of %v with %s", text, rooms, want)
	}
	b, _ := json.Marshal(rooms)
	p.write(`{"type":"joined","rooms":` + string(b) + `,"id":"` + id + `"}`)
}

// joined is a Conn in A, without stamps, and in S, with stamps.
func (s *server) joined() (*Conn, *peer) {
	s.t.Helper()
	c, p := s.consumer(ConnOptions{})
	joined := s.call(func(ctx context.Context) error {
		return errors.Join(c.Join(ctx, "A"), c.JoinWith(ctx, JoinOptions{Stamp: true}, "S"))
	})
	p.join()
	p.join()
	joined()
	return c, p
}

// drains has the client connect elsewhere after that many milliseconds.
func (p *peer) drains(after int) {
	p.t.Helper()
	p.write(fmt.Sprintf(`{"type":"draining","reconnect_after_ms":%d}`, after))
}

// moves has the client of old, which is in A without stamps, move at once, and returns the next connection,
// on which it joins.
func (s *server) moves(old *peer) (next *peer) {
	s.t.Helper()
	old.drains(0)
	old.fence()
	old.restamp(true, "A")
	next = s.accept()
	old.fence()
	return next
}

// call runs a request of the program, and returns a function that waits for its error.
func (s *server) call(f func(ctx context.Context) error) (wait func()) {
	ended := make(chan error, 1)
	async(s.t, func() { ended <- f(s.t.Context()) })
	return func() {
		s.t.Helper()
		if err := <-ended; err != nil {
			s.t.Error(err)
		}
	}
}

func TestAConnMovesBeforeItIsClosed(t *testing.T) {
	s := newServer(t)
	c, old := s.joined()
	old.write(price("A", "4", 1), stamped("S", "e.0", 4, false))
	told := time.Now()
	old.drains(50)
	old.fence()
	old.restamp(true, "A")
	next := s.accept()
	if after := time.Since(told); after < 45*time.Millisecond {
		t.Errorf("it connected after %v", after)
	}
	old.write(stamped("A", "e.0", 5, false))
	old.fence()
	for range 2 {
		if m := next.join(); !m.Stamp || !m.Marks {
			t.Errorf("it joins with %+v", m)
		}
	}
	// A 5 and 6 and S 5 come on both, A 8 on neither, and S 7 and 8 only as a count.
	chat := `{"type":"message","room":"A","data":"hi"}`
	next.write(stamped("A", "e.0", 5, true), stamped("A", "e.0", 6, false), stamped("S", "e.0", 5, true), chat,
		`{"type":"conflated","room":"A","skipped":3}`, stamped("A", "e.0", 9, false),
		`{"type":"conflated","room":"S","skipped":3}`, stamped("S", "e.0", 9, false), `{"type":"mark","n":7}`)
	if m := next.expect(protocol.TypeMarked); m.N != 7 { // at once
		t.Errorf("it answered mark %d", m.N)
	}
	old.write(stamped("A", "e.0", 6, false), stamped("S", "e.0", 5, false), stamped("S", "e.0", 6, false), chat, stamped("A", "e.0", 7, false))
	hearsShort(t, c, "A4", "S4S", "A5", "A6", "S5S", "S6S", "chat hi", "A7")
	if err := old.untilGone(); websocket.CloseStatus(err) != websocket.StatusNormalClosure {
		t.Errorf("the old connection ended with %v", err)
	}
	hearsShort(t, c, "Moved", "left out A 1", "A9", "missed S 2 true", "S9S")
	next.write(stamped("A", "e.0", 10, false), chat)
	hearsShort(t, c, "A10", "chat hi")
	next.restamp(false, "A")
	next.write(price("A", "11", 1), stamped("S", "e.0", 10, false))
	hearsShort(t, c, "A11", "S10S")
	async(t, func() { next.pong() })
	if _, err := c.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	if rooms := c.Rooms(); !slices.Equal(rooms, []string{"A", "S"}) {
		t.Errorf("it is in %v", rooms)
	}
	if n, st := c.Stats(), c.State(); n.Moves != 1 || n.Reconnects != 0 || n.Failures != 0 || !st.Connected || !st.Moved {
		t.Errorf("stats %+v, state %+v", n, st)
	}
}

// An instance that is behind brings what the old connection has brought after it has taken over, too. None of it
// comes twice.
func TestAMoveLeavesOutWhatComesLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newPipeServer(t)
		c, old := s.joined()
		chat := `{"type":"message","room":"A","data":"hi"}`
		next := s.moves(old)
		next.join()
		next.join()
		next.write(stamped("A", "e.0", 5, true))
		old.write(stamped("A", "e.0", 5, false), stamped("A", "e.0", 6, false), stamped("A", "e.0", 7, false), chat)
		_ = old.untilGone()
		hearsShort(t, c, "A5", "A6", "A7", "chat hi", "Moved")
		moved, plain := time.Now(), make(chan time.Duration, 1)
		async(t, func() {
			next.restamp(false, "A")
			plain <- time.Since(moved)
		})
		time.Sleep(settleTime - time.Millisecond)
		next.write(stamped("A", "e.0", 6, false), stamped("A", "e.0", 7, false), chat, stamped("A", "e.0", 8, false))
		hearsShort(t, c, "A8")
		if after := <-plain; after < settleTime {
			t.Errorf("stamps are turned off after %v", after)
		}
		next.write(price("A", "9", 1), chat)
		hearsShort(t, c, "A9", "chat hi")
	})
}

// A room with two counts: what is newest on the new connection is shown, although the old one brought it
// before something older that only the new one brings.
func TestAMoveEndsOnTheNewestOfTwoCounts(t *testing.T) {
	s := newServer(t)
	c, old := s.joined()
	old.write(stamped("S", "e.0", 1, false), stamped("S", "f.0", 7, false))
	next := s.moves(old)
	next.join()
	next.join()
	next.write(stamped("S", "e.0", 1, true), stamped("S", "e.0", 2, false), stamped("S", "f.0", 7, false), stamped("S", "f.0", 8, false))
	hearsShort(t, c, "S1S", "S7S")
	_ = old.untilGone()
	hearsShort(t, c, "Moved", "S2S", "S7S=", "S8S")
}

// What the next server refuses is told. Requests that were made meanwhile go to it.
func TestAMoveTellsWhatIsRefused(t *testing.T) {
	s := newServer(t)
	c, old := s.joined()
	old.drains(0)
	old.fence()
	old.restamp(true, "A")
	next := s.accept()
	m := old.expect(protocol.TypePing)
	pinged := s.call(func(ctx context.Context) error { _, err := c.Ping(ctx); return err })
	old.write(pongTo(m.ID))
	for range 2 {
		m := next.expect(protocol.TypeJoin)
		if m.Rooms[0] == "A" {
			next.write(`{"type":"joined","rooms":[],"rejected":[{"room":"A","code":"too_many_rooms","message":"full"}],"id":"` + m.ID + `"}`)
		} else {
			next.answer(protocol.ServerMessage{Type: protocol.TypeJoined, Rooms: m.Rooms, ID: m.ID})
		}
	}
	_ = old.untilGone()
	if ev, ok := nextEvent(t, c).(Moved); !ok || len(ev.Rejected) != 1 || ev.Rejected[0].Room != "A" {
		t.Errorf("got %+v", ev)
	}
	next.pong() // it does not ask again for what was refused
	pinged()
	if rooms := c.Rooms(); !slices.Equal(rooms, []string{"S"}) {
		t.Errorf("it is in %v", rooms)
	}
}

// Where a move fails the old connection goes on as before, requests too, and its end is told.
func TestAMoveThatFailsChangesNothing(t *testing.T) {
	for name, fail := range map[string]func(next *peer){
		"the next server is too old": func(next *peer) {
			next.write(`{"type":"error","code":"unknown_field","message":"stamp","id":"` + next.expect(protocol.TypeJoin).ID + `"}`)
		},
		"the next connection ends": func(next *peer) {
			next.join()
			next.kill()
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			c, old := s.joined()
			next := s.moves(old)
			fail(next)
			async(t, old.pongs)
			if _, err := c.Ping(t.Context()); err != nil {
				t.Error(err)
			}
			old.write(stamped("A", "e.0", 1, false))
			hearsShort(t, c, "A1")
			async(t, func() { old.close(websocket.StatusServiceRestart, "the server is stopping") })
			var closed *CloseError
			if d := expectDisconnected(t, c); !errors.As(d.Err, &closed) || closed.Code != CloseRestart {
				t.Errorf("it ended with %v", d.Err)
			}
		})
	}
}

// A program that takes messages as they are could not leave out what comes twice.
func TestWhoTakesMessagesDoesNotMove(t *testing.T) {
	s := newServer(t)
	got := make(chan string, 1)
	c, p := s.consumer(ConnOptions{OnMessage: func(b []byte) bool { got <- string(b); return true }})
	const text = `{"type":"draining","reconnect_after_ms":0}`
	p.write(text)
	if g := <-got; g != text {
		t.Errorf("got %s", g)
	}
	async(t, func() { p.close(websocket.StatusServiceRestart, "the server is stopping") })
	expectDisconnected(t, c)
	s.accept()
}

// A move that is under way ends with the Conn.
func TestCloseDuringAMove(t *testing.T) {
	for name, until := range map[string]func(s *server, old *peer){
		"before it connects": func(_ *server, old *peer) { old.drains(3_600_000); old.fence() },
		"before the fence":   func(s *server, old *peer) { old.drains(0); old.fence(); s.accept() },
		"before it joined":   func(s *server, old *peer) { s.moves(old).expect(protocol.TypeJoin) },
		"before it takes over": func(s *server, old *peer) {
			next := s.moves(old)
			next.join()
			next.join()
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			c, old := s.joined()
			until(s, old)
			async(t, func() { _ = old.untilGone() })
			if c.Close(); c.Err() != nil {
				t.Error(c.Err())
			}
		})
	}
}

// An Ingestor gets its acks from the old server before it publishes on the next one.
func TestAnIngestorMovesInOrder(t *testing.T) {
	s := newServer(t)
	in, old := s.ingestor(IngestorOptions{})
	first, err := in.PublishAsync(t.Context(), update(1))
	if err != nil {
		t.Fatal(err)
	}
	ack := old.expect(protocol.TypePriceUpdate).ID
	old.drains(0)
	next := s.accept()
	fence := old.expect(protocol.TypePing)
	second, err := in.PublishAsync(t.Context(), update(2))
	if err != nil {
		t.Fatal(err)
	}
	old.write(`{"type":"ack","id":"`+ack+`"}`, pongTo(fence.ID))
	if err := old.untilGone(); websocket.CloseStatus(err) != websocket.StatusNormalClosure {
		t.Errorf("the old connection ended with %v", err)
	}
	m := next.expect(protocol.TypePriceUpdate)
	if m.Price != "2.10" {
		t.Errorf("the next server got %+v", m)
	}
	next.write(`{"type":"ack","id":"` + m.ID + `"}`)
	for _, p := range []*Pending{first, second} {
		if err := p.Wait(t.Context()); err != nil {
			t.Error(err)
		}
	}
	async(t, func() { _ = next.untilGone() })
	if err := in.CloseNow(); err != nil {
		t.Error(err)
	}
}

// What comes before the next connection takes over is bounded: beyond it nothing is read.
func TestAStandbyIsBounded(t *testing.T) {
	s := newServer(t)
	c, old := s.joined()
	next := s.moves(old)
	var wrote atomic.Int64
	async(t, func() {
		text := []byte(`{"type":"later","text":"` + strings.Repeat("x", 100_000) + `"}`)
		for next.ws.Write(context.Background(), websocket.MessageText, text) == nil { // the joins are never answered
			wrote.Add(int64(len(text)))
		}
	})
	for before := int64(-1); wrote.Load() > before && before < 4*maxStandby; <-time.After(300 * time.Millisecond) {
		before = wrote.Load()
	}
	if n := wrote.Load(); n > 2*maxStandby {
		t.Errorf("%d bytes were taken", n)
	}
	old.write(stamped("S", "e.0", 1, false))
	hearsShort(t, c, "S1S")
	old.close(websocket.StatusServiceRestart, "the server is stopping")
	expectDisconnected(t, c)
}
