package transport

import (
	"context"
	"log/slog"
	"net"
	"testing"
	"time"

	"backbone/internal/hub"
	"backbone/protocol"
)

// What a connection has to wait for, its WritePump waits for in a goroutine of its own:
// here it is the hub, of which so much is asked that it takes no more.
func TestTheWriterWaitsForNobody(t *testing.T) {
	h := hub.New(hub.Options{QueueBytes: 64 << 10, Frame: Frame, Conflated: protocol.Conflated})
	var other hub.Client
	other.Init(nil, nil)
	for h.TryPull(&other) {
	}
	s := New(Options{Hub: h, Logger: slog.New(slog.DiscardHandler), Limits: Limits{WriteTimeout: time.Minute}})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	nc, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	c := s.newConn(nc)
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
	s.goes.Wait()
	if n := <-c.write.writer.notices; n.side != &c.write || !n.pumpEnds || c.write.phase != pulling {
		t.Errorf("%+v, phase %d", n, c.write.phase)
	}
}
