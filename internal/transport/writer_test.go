package transport

import (
	"context"
	"io"
	"log/slog"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"backbone/internal/hub"
	"backbone/protocol"
)

// unserved is a connection over TCP whose writer does not run: tests take the writer's steps.
// The peer reads from what it returns.
func unserved(t *testing.T, h *hub.Hub) (*conn, net.Conn) {
	t.Helper()
	s := New(Options{Hub: h, Logger: slog.New(slog.DiscardHandler), Limits: Limits{WriteTimeout: time.Minute}})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	peer, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { peer.Close() })
	if err := peer.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { accepted.Close() })
	return s.newConn(s.place(accepted), protocol.Consumer), peer
}

func newHub() *hub.Hub {
	return hub.New(hub.Options{QueueBytes: 64 << 10, Frame: Frame, Conflated: protocol.Conflated, Lost: protocol.Lost})
}

// What a connection has to wait for, its WritePump waits for in a goroutine of its own:
// here it is the hub, of which so much is asked that it takes no more.
func TestTheWriterWaitsForNobody(t *testing.T) {
	h := newHub()
	var other hub.Client
	other.Init(nil, nil)
	for h.TryPull(&other, hub.Want{}) {
	}
	c, _ := unserved(t, h)
	c.write.phase = behind
	returned := make(chan struct{})
	go func() {
		c.write.writer.queued(&c.write)
		close(returned)
	}()
	select {
	case <-returned:
	case <-time.After(time.Minute):
		t.Fatal("the writer waits for the hub")
	}
	if !c.write.pumping {
		t.Error("there is no goroutine that asks the hub for more")
	}
	ended, end := context.WithCancel(context.Background())
	end()
	h.Run(ended)
	c.server.goes.Wait()
	if n := <-c.write.writer.notices; n.side != &c.write || !n.pumpEnds || c.write.phase != pulling {
		t.Errorf("%+v, phase %d", n, c.write.phase)
	}
}

// The writer ignores a connection while its WritePump has a goroutine. What was queued and
// replied in the meantime is written when the goroutine ends.
func TestTheWriterTakesOverWhatWaits(t *testing.T) {
	h := newHub()
	go h.Run(t.Context())
	c, peer := unserved(t, h)
	h.Register(&c.client)
	c.write.pumping = true
	h.Join(&c.client, []string{"A"}, hub.Wants{}, []byte("queued"), nil)
	c.replies <- []byte("replied")
	w := c.write.writer
	w.queued(&c.write)
	w.noticed(notice{side: &c.write})
	if n := c.write.writer.sent.writes.Load(); n != 0 {
		t.Fatalf("the writer wrote %d times while the WritePump had the connection", n)
	}
	w.noticed(notice{side: &c.write, pumpEnds: true})
	got := make([]byte, len("repliedqueued"))
	if _, err := io.ReadFull(peer, got); err != nil || string(got) != "repliedqueued" || c.write.pumping {
		t.Errorf("the peer read %q, %v", got, err)
	}
}

// A connection that drains ends only when the replies that wait are written too.
func TestDrainWaitsForReplies(t *testing.T) {
	c, peer := unserved(t, newHub())
	c.write.draining = true
	c.replies <- []byte("replied")
	if n := c.write.writeQueued(); n != needNothing || c.write.phase != live {
		t.Errorf("with a reply that waits: needs %d, phase %d", n, c.write.phase)
	}
	if n := c.write.step(); n != needFarewell || c.write.closing.code != protocol.CloseRestart {
		t.Errorf("afterwards: needs %d, phase %d", n, c.write.phase)
	}
	got := make([]byte, len("replied"))
	if _, err := io.ReadFull(peer, got); err != nil || string(got) != "replied" {
		t.Errorf("the peer read %q, %v", got, err)
	}
}

// The heartbeat that is due first comes first, wherever it is in the list.
func TestAWriterKeepsHeartbeatsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wr := newWriter(nil, nil)
		wr.beat = time.NewTimer(time.Hour)
		var all []*heartbeat
		for n := range 5 {
			w := alone()
			w.writer, w.phase = wr, behind // none may be sent
			w.wish.Store(uint32(1000 - 100*n))
			b := w.beating()
			b.timer = nil
			all = append(all, b)
			wr.beatLater(b)
			wr.beatLater(b) // again, which changes nothing
		}
		if len(wr.beats) != 5 || wr.beats[0] != all[4] || wr.beatAt != all[4].due {
			t.Fatalf("%d, the first %v, the timer %v", len(wr.beats), wr.beats[0], wr.beatAt)
		}
		begin := time.Now()
		<-wr.beat.C
		at(t, begin, 600*time.Millisecond)
		wr.beatAll()
		if all[4].when != all[4].due || all[4].due != wr.side(all[4]).now()+600*time.Millisecond || len(wr.beats) != 5 || wr.beats[0] != all[3] {
			t.Errorf("%d, looked at again at %v, due at %v", len(wr.beats), all[4].when, all[4].due)
		}
		<-wr.beat.C
		at(t, begin, 700*time.Millisecond)
		for n, b := range wr.beats {
			if b.index != n {
				t.Errorf("the index of %d is %d", n, b.index)
			}
		}
		for _, b := range []*heartbeat{wr.beats[0], wr.beats[2], all[0]} {
			wr.beatNoMore(b)
			if wr.beatNoMore(b); b.index != -1 {
				t.Errorf("one that was taken out has index %d", b.index)
			}
		}
		wr.beatNoMore(nil)
		if len(wr.beats) > 3 {
			t.Errorf("%d are left", len(wr.beats))
		}
	})
}

func (w *writer) side(b *heartbeat) *Server { return b.side.conn.server }

// A side is looked at each tick for as long as its window has to be.
func TestAWriterLooksAtASideEachTick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wr := newWriter(nil, nil)
		wr.tick = time.NewTimer(time.Hour)
		one, other := alone(), alone()
		for _, w := range []*writeSide{one, other} {
			w.fresh.window.Sent(100)
			w.fresh.window.Mark(10, w.conn.server.now())
		}
		begin := time.Now()
		wr.supply(one, needNothing)
		<-wr.tick.C
		at(t, begin, tickEvery)
		wr.look()
		begin = time.Now()
		for n := range 3 {
			wr.supply(one, needNothing)
			wr.supply(other, needNothing)
			if len(wr.watched) != 2 {
				t.Fatalf("%d are watched", len(wr.watched))
			}
			<-wr.tick.C
			at(t, begin, time.Duration(n+1)*tickEvery)
			wr.look()
		}
		for _, w := range []*writeSide{one, other} {
			w.fresh.window.Answer(1, w.conn.server.now(), w.conn.server.now())
		}
		if wr.look(); len(wr.watched) > 0 {
			t.Errorf("%d are watched in vain", len(wr.watched))
		}
	})
}
