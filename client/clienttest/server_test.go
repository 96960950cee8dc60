package clienttest_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"backbone/client"
	"backbone/client/clienttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func dial(t *testing.T, srv *clienttest.Server) (*client.Conn, *client.Ingestor) {
	t.Helper()
	c, err := client.Dial(t.Context(), srv.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	p, err := client.DialIngestor(t.Context(), srv.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.CloseNow() })
	return c, p
}

func next(t *testing.T, c *client.Conn) client.Event {
	t.Helper()
	for {
		select {
		case ev, ok := <-c.Events():
			if !ok {
				t.Fatalf("the events ended: %v", c.Err())
			}
			if _, ok := ev.(client.Connected); ok {
				continue
			}
			return ev
		case <-time.After(time.Minute):
			t.Fatal("no event came")
		}
	}
}

func TestServerSpeaksTheProtocol(t *testing.T) {
	srv := clienttest.NewServer()
	t.Cleanup(srv.Close)
	c, p := dial(t, srv)
	ctx := t.Context()
	data := json.RawMessage(`{ "size":1.50 }`)
	if err := p.PublishBatch(ctx, []client.PriceUpdate{
		{Instrument: "A", Price: "1", TS: 1}, {Instrument: "A", Price: "1.10", TS: 2, Data: data},
	}); err != nil {
		t.Fatal(err)
	}
	if err := p.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	if err := c.JoinWith(ctx, client.JoinOptions{MarkEmpty: true}, "A", "B"); err != nil {
		t.Fatal(err)
	}
	if n := srv.Members("A"); n != 1 {
		t.Errorf("%d members", n)
	}
	if got, ok := next(t, c).(client.PriceUpdate); !ok || got.Price != "1.10" || !got.Snapshot || string(got.Data) != string(data) {
		t.Errorf("snapshot: %+v", got)
	}
	if got := next(t, c); got != (client.NoSnapshot{Room: "B"}) {
		t.Errorf("got %+v", got)
	}
	if err := c.Send(ctx, "B", "hello"); err != nil {
		t.Fatal(err)
	}
	if got := next(t, c); got != (client.ChatMessage{Room: "B", Text: "hello"}) {
		t.Errorf("got %+v", got)
	}
	srv.Send("B", `{"type":"conflated","room":"B","skipped":3}`)
	if got := next(t, c); got != (client.Conflated{Room: "B", Skipped: 3}) {
		t.Errorf("got %+v", got)
	}
	if err := c.Leave(ctx, "B"); err != nil || srv.Members("B") != 0 {
		t.Errorf("leave: %v, %d members", err, srv.Members("B"))
	}
	if left, ok := errors.AsType[*client.RequestError](c.Leave(ctx, "B")); !ok || left.Code != client.CodeNotJoined {
		t.Errorf("leave again: %v", left)
	}
	if rtt, err := c.Ping(ctx); err != nil || rtt <= 0 {
		t.Errorf("ping: %v, %v", rtt, err)
	}
	want := []string{
		`{"type":"price_update","instrument":"A","price":1,"ts":1}`,
		`{"type":"price_update","instrument":"A","price":1.10,"ts":2,"data":{ "size":1.50 }}`,
	}
	if got := srv.Published(); !slices.Equal(got, want) {
		t.Errorf("published %q", got)
	}
}

func TestServerRejects(t *testing.T) {
	srv := clienttest.NewServer()
	t.Cleanup(srv.Close)
	c, p := dial(t, srv)
	srv.Reject("A", client.CodeTooManyRooms, "full")
	err := c.Join(t.Context(), "A", "B")
	if failed, ok := errors.AsType[*client.JoinError](err); !ok || !slices.Equal(failed.Rejected, []client.Rejected{{Room: "A", Code: client.CodeTooManyRooms, Message: "full"}}) {
		t.Errorf("join: %v", err)
	}
	for _, event := range []any{
		client.PriceUpdate{Instrument: "A", Price: "1"}, // without a type
		json.RawMessage(`{"type":"price_update","instrument":"A","price":1,"ts":1}`),
		json.RawMessage(`{"type":"book"}`),
		json.RawMessage(`{"type":"price_update","instrument":"B","price":1}`),
	} {
		if err := p.PublishJSONAck(t.Context(), event); !errors.As(err, new(*client.RequestError)) {
			t.Errorf("%v: got %v", event, err)
		}
	}
	if err := srv.Publish(`{"type":"price_update","instrument":"B","price":1,"ts":1}`, `{"type":"x"}`); err == nil || len(srv.Published()) != 1 {
		t.Errorf("got %v and %q", err, srv.Published())
	}
}

func TestServerRefusesHandshakes(t *testing.T) {
	srv := clienttest.NewServer()
	t.Cleanup(srv.Close)
	c, _ := dial(t, srv)
	srv.Refuse(http.StatusUnauthorized)
	srv.Disconnect()
	for range c.Events() { // ends
	}
	if !errors.Is(c.Err(), client.ErrRefused) {
		t.Errorf("Err: %v", c.Err())
	}
	if _, err := client.Dial(t.Context(), srv.URL, nil); !errors.Is(err, client.ErrRefused) {
		t.Errorf("Dial: %v", err)
	}
	srv.Refuse(0)
	dial(t, srv)
}
