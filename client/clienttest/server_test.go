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
	if err := srv.Publish(`{"type":"retire","instrument":"B"}`); err != nil {
		t.Fatal(err)
	}
	if got := next(t, c); got != (client.Retired{Instrument: "B"}) {
		t.Errorf("got %#v", got)
	}
	srv.Send("B", `{"type":"lost","room":"B","messages":4}`)
	if got := next(t, c); got != (client.Lost{Room: "B", Messages: 4}) {
		t.Errorf("got %#v", got)
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
		`{"type":"retire","instrument":"B"}`,
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
	srv.CloseWith(client.CloseRestart, "")
	for ev := range c.Events() {
		if down, ok := ev.(client.Disconnected); ok && errors.Is(down.Err, client.ErrRefused) {
			break // and it tries again, as it was accepted before
		}
	}
	srv.Refuse(0)
	for ev := range c.Events() {
		if _, ok := ev.(client.Connected); ok {
			break
		}
	}
	srv.CloseWith(client.CloseUnauthorized, "revoked")
	for range c.Events() { // ends
	}
	if !errors.Is(c.Err(), client.ErrRefused) {
		t.Errorf("Err: %v", c.Err())
	}
	srv.Refuse(http.StatusUnauthorized)
	if _, err := client.Dial(t.Context(), srv.URL, nil); !errors.Is(err, client.ErrRefused) {
		t.Errorf("Dial: %v", err)
	}
	srv.Refuse(0)
	dial(t, srv)
}

func TestServerGivesWhatAJoinAsksFor(t *testing.T) {
	srv := clienttest.NewServer()
	t.Cleanup(srv.Close)
	c, err := client.Dial(t.Context(), srv.URL, &client.ConnOptions{Heartbeat: 300 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	beats := 0
	event := func() client.Event {
		t.Helper()
		for begin := time.Now(); ; {
			ev := next(t, c)
			beat, ok := ev.(client.Heartbeat)
			if ok && time.Since(begin) > time.Minute {
				t.Fatal("nothing but heartbeats")
			}
			if !ok {
				return ev
			}
			if beats++; time.Since(beat.At) > time.Minute {
				t.Errorf("a heartbeat at %v", beat.At)
			}
		}
	}
	publish := func(instrument string) {
		t.Helper()
		if err := srv.Publish(`{"type":"price_update","instrument":"` + instrument + `","price":1,"ts":1}`); err != nil {
			t.Fatal(err)
		}
	}
	price := func(seq uint64, snapshot bool) {
		t.Helper()
		u, ok := event().(client.PriceUpdate)
		if !ok || u.Snapshot != snapshot || u.Stamp == nil || u.Stamp.Epoch == "" || u.Stamp.Seq != seq || time.Since(u.Stamp.At) > time.Minute {
			t.Fatalf("got %+v with %+v, want the stamp of price %d", u, u.Stamp, seq)
		}
	}
	status := func(silent bool) client.FeedStatus {
		t.Helper()
		got, ok := event().(client.FeedStatus)
		if !ok || got.Room != "B" || got.Silent != silent {
			t.Fatalf("got %+v, want that B is silent: %t", got, silent)
		}
		return got
	}
	publish("A")
	if err := c.JoinWith(t.Context(), client.JoinOptions{Stamp: true}, "A"); err != nil {
		t.Fatal(err)
	}
	price(1, true)
	publish("A")
	price(2, false)
	if err := c.JoinWith(t.Context(), client.JoinOptions{Stamp: true, Status: true, SilentAfter: 700 * time.Millisecond}, "B"); err != nil {
		t.Fatal(err)
	}
	silent := status(true)
	publish("B")
	price(1, false)
	if live := status(false); !live.Since.After(silent.Since) {
		t.Errorf("silent since %v and live since %v", silent.Since, live.Since)
	}
	status(true)
	if beats == 0 {
		t.Error("no heartbeat came")
	}

	plain, _ := dial(t, srv)
	if err := plain.Join(t.Context(), "A"); err != nil {
		t.Fatal(err)
	}
	if u, ok := next(t, plain).(client.PriceUpdate); !ok || u.Stamp != nil {
		t.Errorf("got %+v, want no stamp", u)
	}
	for _, after := range []time.Duration{time.Millisecond, 48 * time.Hour} {
		err := plain.JoinWith(t.Context(), client.JoinOptions{Status: true, SilentAfter: after}, "B")
		if failed, ok := errors.AsType[*client.JoinError](err); !ok || failed.Rejected[0].Code != client.CodeInvalidEvent {
			t.Errorf("silent after %v: %v", after, err)
		}
	}
	srv.Send("A", `{"type":"mark","n":7}`)
	publish("A")
	next(t, plain)
	publish("A") // if the server refused the answer to the mark, it said so before
	select {
	case ev := <-plain.Events():
		if u, ok := ev.(client.PriceUpdate); !ok || u.Snapshot {
			t.Errorf("got %+v, want a price", ev)
		}
	case <-time.After(time.Minute):
		t.Error("no price came")
	}
}
