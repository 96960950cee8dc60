package transport

import (
	"context"
	"io"
	"log/slog"
	"net"
	"testing"
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
