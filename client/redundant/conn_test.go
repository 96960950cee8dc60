package redundant_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"backbone/client"
	"backbone/client/clienttest"
	"backbone/client/redundant"
	"backbone/protocol"
)

// patience bounds every wait of a test; only a failing one uses it up.
const patience = time.Minute

func stamped(room string, seq uint64) string {
	event := string(protocol.AppendPriceUpdate(nil, room, "1", "1", ""))
	return string(protocol.AppendStamped(nil, event, protocol.Stamp{Epoch: "e.1", Seq: seq, At: 1}))
}

func next(t *testing.T, c *redundant.Conn) client.Event {
	t.Helper()
	select {
	case ev, ok := <-c.Events():
		if !ok {
			t.Fatalf("the events ended: %v", c.Err())
		}
		return ev
	case <-time.After(patience):
		t.Fatal("no event came")
		return nil
	}
}

func expectPrice(t *testing.T, c *redundant.Conn, seq uint64) {
	t.Helper()
	if u, ok := next(t, c).(client.PriceUpdate); !ok || u.Stamp.Seq != seq {
		t.Fatalf("got %+v, want price %d", u, seq)
	}
}

// two starts two servers and a Conn to them that has joined rooms on both.
func two(t *testing.T, rooms ...string) (c *redundant.Conn, a, b *clienttest.Server, said chan client.Event) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	a, b = clienttest.NewServer(), clienttest.NewServer()
	t.Cleanup(a.Close)
	t.Cleanup(b.Close)
	said = make(chan client.Event, 64)
	c, err := redundant.Dial(ctx, []string{a.URL, b.URL}, &redundant.Options{OnLine: func(_ int, ev client.Event) { said <- ev }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if ev, ok := next(t, c).(client.Connected); !ok {
		t.Fatalf("got %+v, want Connected", ev)
	}
	if err := c.Join(ctx, rooms...); err != nil {
		t.Fatal(err)
	}
	for _, room := range rooms {
		wait(t, func() bool { return a.Members(room) == 1 && b.Members(room) == 1 })
	}
	return c, a, b, said
}

// wait returns when done reports true. A server tells nobody that a member has come.
func wait(t *testing.T, done func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.After(patience); !done(); {
		select {
		case <-tick.C:
		case <-end:
			t.Fatal("it did not happen")
		}
	}
}

func TestEachPriceComesOnceAndOutlivesALine(t *testing.T) {
	c, a, b, _ := two(t, "A")
	a.Send("A", stamped("A", 1))
	expectPrice(t, c, 1)
	b.Send("A", stamped("A", 1))
	b.Send("A", stamped("A", 2))
	expectPrice(t, c, 2)
	b.Refuse(http.StatusServiceUnavailable)
	b.Disconnect()
	a.Send("A", stamped("A", 2))
	a.Send("A", stamped("A", 3))
	expectPrice(t, c, 3)
	wait(t, func() bool { return b.Members("A") == 0 })
	b.Refuse(0)
	wait(t, func() bool { return b.Members("A") == 1 })
	a.Refuse(http.StatusServiceUnavailable)
	a.Disconnect()
	b.Send("A", stamped("A", 4))
	expectPrice(t, c, 4)

	b.Disconnect() // now nobody brings 5 and 6
	if ev, ok := next(t, c).(client.Disconnected); !ok {
		t.Fatalf("got %+v, want Disconnected", ev)
	}
	if ev, ok := next(t, c).(client.Connected); !ok {
		t.Fatalf("got %+v, want Connected", ev)
	}
	wait(t, func() bool { return b.Members("A") == 1 })
	b.Send("A", stamped("A", 7))
	if ev := next(t, c); ev != (client.Missed{Room: "A", Events: 2, Exact: true}) {
		t.Errorf("got %+v, want what was missed", ev)
	}
	expectPrice(t, c, 7)
}

// The goroutine that takes events joins and leaves, while prices wait for it.
func TestJoinFromTheEventLoop(t *testing.T) {
	c, a, b, _ := two(t, "A")
	for seq := range uint64(50) {
		a.Send("A", stamped("A", seq+1))
		b.Send("A", stamped("A", seq+1))
	}
	expectPrice(t, c, 1)
	if err := c.Join(t.Context(), "B"); err != nil {
		t.Fatal(err)
	}
	if err := c.Leave(t.Context(), "A"); err != nil {
		t.Fatal(err)
	}
	wait(t, func() bool { return a.Members("B") == 1 && a.Members("A") == 0 && b.Members("A") == 0 })
	a.Send("B", stamped("B", 1))
	for {
		if u, ok := next(t, c).(client.PriceUpdate); ok && u.Instrument == "B" {
			return
		}
	}
}

func TestALineThatRejectsSaysSo(t *testing.T) {
	c, a, b, said := two(t, "A")
	a.Reject("B", client.CodeTooManyRooms, "full")
	b.Reject("B", client.CodeTooManyRooms, "full")
	if err := c.Join(t.Context(), "B"); !errors.As(err, new(*client.JoinError)) {
		t.Errorf("got %v", err)
	}
	for n := 0; n < 2; {
		if refused, ok := (<-said).(*client.RequestError); ok && refused.Code == client.CodeTooManyRooms {
			n++
		}
	}
}

func TestDialWithoutAnyLine(t *testing.T) {
	for name, c := range map[string]struct {
		urls []string
		opt  redundant.Options
	}{
		"no URL":      {},
		"a bad URL":   {urls: []string{"ws://127.0.0.1:1", "file:///"}, opt: redundant.Options{ConnOptions: client.ConnOptions{Options: client.Options{KeepTrying: true}}}},
		"OnMessage":   {urls: []string{"ws://127.0.0.1:1"}, opt: redundant.Options{ConnOptions: client.ConnOptions{OnMessage: func([]byte) bool { return true }}}},
		"nobody home": {urls: []string{"ws://127.0.0.1:1", "ws://127.0.0.1:2"}},
	} {
		if _, err := redundant.Dial(t.Context(), c.urls, &c.opt); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	keep := redundant.Options{ConnOptions: client.ConnOptions{Options: client.Options{KeepTrying: true}}}
	if _, err := redundant.Dial(ctx, []string{"ws://127.0.0.1:1"}, &keep); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("while it goes on trying: %v", err)
	}
}

func TestEveryLineRefusedEndsTheConn(t *testing.T) {
	c, a, b, _ := two(t)
	for _, s := range []*clienttest.Server{a, b} {
		s.Refuse(http.StatusUnauthorized)
		s.Disconnect()
	}
	for range c.Events() { // ends
	}
	if !errors.Is(c.Err(), client.ErrRefused) {
		t.Errorf("Err: %v", c.Err())
	}
	if err := c.Join(t.Context(), "A"); !errors.Is(err, client.ErrClosed) {
		t.Errorf("Join: %v", err)
	}
}
