package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"backbone/client"
	"backbone/client/clienttest"
)

func startServer(t *testing.T) *clienttest.Server {
	t.Helper()
	srv := clienttest.NewServer()
	t.Cleanup(srv.Close)
	return srv
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func event(instrument string, n int) string {
	return fmt.Sprintf(`{"type":"price_update","instrument":%q,"price":%d,"ts":%d}`, instrument, n, n)
}

// states collects what OnStateChange tells.
type states chan client.State

func (s states) next(t *testing.T) client.State {
	t.Helper()
	select {
	case st := <-s:
		return st
	case <-within(t).Done():
		t.Fatal("no change of the state")
		panic("unreachable")
	}
}

func TestStateOfAConn(t *testing.T) {
	srv := startServer(t)
	told := make(states, 100)
	var log bytes.Buffer
	c, err := client.Dial(within(t), srv.URL, &client.ConnOptions{Options: client.Options{
		OnStateChange: func(st client.State) { told <- st },
		Logger:        slog.New(slog.NewTextHandler(&log, nil)),
		BackoffBase:   time.Millisecond, BackoffMax: time.Millisecond,
	}})
	if err != nil {
		t.Fatal(err)
	}
	if !c.Connected() {
		t.Error("not connected behind Dial")
	}
	first := told.next(t)
	if !first.Connected || first.Moved || first.Err != nil || !strings.HasPrefix(first.Server, srv.URL) || time.Since(first.Since) > time.Minute {
		t.Errorf("first: %+v", first)
	}
	if err := c.Join(within(t), "GONE", "KEPT"); err != nil {
		t.Fatal(err)
	}
	srv.Reject("GONE", client.CodeTooManyRooms, "no more")
	srv.Refuse(500)
	srv.Disconnect()
	lost := told.next(t)
	if lost.Connected || lost.Err == nil || lost.Attempt != 1 || lost.Server != first.Server || lost.Since.Before(first.Since) {
		t.Errorf("lost: %+v", lost)
	}
	failed := told.next(t)
	if failed.Connected || failed.Attempt != 2 || !failed.Since.Equal(lost.Since) {
		t.Errorf("an attempt failed: %+v", failed)
	}
	if c.Connected() {
		t.Error("connected although the server refuses")
	}
	srv.Refuse(0)
	for st := told.next(t); !st.Connected; st = told.next(t) {
	}
	for ev := range c.Events() {
		if back, ok := ev.(client.Rejoined); ok {
			if len(back.Rejected) != 1 {
				t.Errorf("%+v", back)
			}
			break
		}
	}
	if n := c.Stats(); n.Reconnects != 1 || n.Failures == 0 || n.Moves != 0 {
		t.Errorf("stats: %+v", n)
	}
	_ = c.Close()
	var end client.State
	for !end.Ended {
		end = told.next(t)
	}
	if end.Connected || end.Err != nil || c.Connected() || !c.State().Ended {
		t.Errorf("end: %+v", end)
	}
	for _, want := range []string{"level=INFO msg=connected", `level=WARN msg="no connection"`, "500", `rooms=1 first=GONE`, "level=INFO msg=closed"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %s:\n%s", want, &log)
		}
	}
}

func TestStateOfARefusedIngestor(t *testing.T) {
	srv := startServer(t)
	told := make(states, 100)
	p, err := client.DialIngestor(within(t), srv.URL, &client.IngestorOptions{Options: client.Options{OnStateChange: func(st client.State) { told <- st }}})
	if err != nil {
		t.Fatal(err)
	}
	if !p.Connected() || !told.next(t).Connected {
		t.Error("not connected behind DialIngestor")
	}
	srv.CloseWith(client.CloseUnauthorized, "the key was withdrawn")
	var st client.State
	for !st.Ended {
		st = told.next(t)
	}
	if !errors.Is(st.Err, client.ErrRefused) || p.Connected() || !errors.Is(p.State().Err, client.ErrRefused) {
		t.Errorf("%+v", st)
	}
	_ = p.Close()
}

func TestStats(t *testing.T) {
	srv := startServer(t)
	ctx := within(t)
	if err := srv.Publish(event("A", 1)); err != nil {
		t.Fatal(err)
	}
	c, err := client.Dial(ctx, srv.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.JoinWith(ctx, client.JoinOptions{Stamp: true}, "A"); err != nil {
		t.Fatal(err)
	}
	srv.Send("A", `{"type":"conflated","room":"A","skipped":7}`)
	srv.Send("A", `{"type":"lost","room":"A","messages":3}`)
	p, err := client.DialIngestor(ctx, srv.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	srv.Reject("BAD", client.CodeTooManyInstruments, "no more")
	good := client.PriceUpdate{Instrument: "A", Price: "2"}
	if err := p.PublishAck(ctx, good); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(p.PublishBatch(ctx, []client.PriceUpdate{good, {Instrument: "BAD", Price: "1"}, good}), p.Publish(ctx, good)); err != nil {
		t.Fatal(err)
	}
	if err := p.PublishAck(ctx, client.PriceUpdate{Instrument: "BAD", Price: "1"}); err == nil {
		t.Error("BAD was accepted")
	}
	if err := p.Publish(ctx, client.PriceUpdate{Instrument: "A", Price: "x"}); err == nil {
		t.Error("an invalid price was accepted")
	}
	if err := p.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	if got, want := p.Stats(), (client.IngestorStats{Sent: 6, Acked: 1, Refused: 3}); got != want {
		t.Errorf("ingestor: %+v, want %+v", got, want)
	}
	take(t, c, 8) // Connected, a snapshot, 4 prices, Conflated, Lost
	if got, want := c.Stats(), (client.Stats{Events: 8, Prices: 4, Snapshots: 1, Skipped: 7, Lost: 3}); got != want {
		t.Errorf("consumer: %+v, want %+v", got, want)
	}
	srv.Refuse(503)
	srv.Disconnect()
	take(t, c, 1) // Disconnected
	if err := srv.Publish(event("A", 3), event("A", 4), event("A", 5)); err != nil {
		t.Fatal(err)
	}
	srv.Refuse(0)
	for ev := range c.Events() {
		if _, missed := ev.(client.Missed); missed {
			break
		}
	}
	if got := c.Stats(); got.Missed != 2 || got.Reconnects != 1 {
		t.Errorf("behind the loss: %+v", got)
	}
}

// take takes the next n events.
func take(t *testing.T, c *client.Conn, n int) {
	t.Helper()
	for range n {
		select {
		case <-c.Events():
		case <-within(t).Done():
			t.Fatal("nothing came")
		}
	}
}

func TestAll(t *testing.T) {
	srv := startServer(t)
	c, err := client.Dial(within(t), srv.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Join(within(t), "A"); err != nil {
		t.Fatal(err)
	}
	if err := srv.Publish(event("A", 1), event("A", 2), event("A", 3)); err != nil {
		t.Fatal(err)
	}
	var got []string
	for ev, err := range c.All(within(t)) {
		if err != nil {
			t.Fatal(err)
		}
		if u, ok := ev.(client.PriceUpdate); ok {
			got = append(got, u.Price.String())
			break
		}
	}
	over, cancel := context.WithCancelCause(within(t))
	defer cancel(nil)
	for ev, err := range c.All(over) {
		if u, ok := ev.(client.PriceUpdate); ok {
			got = append(got, u.Price.String())
			cancel(errors.New("enough"))
		}
		if ev == nil {
			got = append(got, err.Error())
		}
	}
	if _, err := c.Ping(within(t)); err != nil { // everything before it has come
		t.Fatal(err)
	}
	_ = c.Close()
	for ev, err := range c.All(within(t)) {
		if err != nil {
			t.Errorf("after Close: %v", err)
		} else if u, ok := ev.(client.PriceUpdate); ok {
			got = append(got, u.Price.String())
		}
	}
	if want := []string{"1", "2", "enough", "3"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestAllEndsWithTheRefusal(t *testing.T) {
	srv := startServer(t)
	c, err := client.Dial(within(t), srv.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	srv.CloseWith(client.CloseUnauthorized, "the key was withdrawn")
	var last error
	for _, err := range c.All(within(t)) {
		last = err
	}
	if !errors.Is(last, client.ErrRefused) {
		t.Errorf("%v", last)
	}
}

func TestHandlers(t *testing.T) {
	srv := startServer(t)
	c, err := client.Dial(within(t), srv.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Join(within(t), "A", "B", "C"); err != nil {
		t.Fatal(err)
	}
	var h client.Handlers
	var got []string
	note := func(name string) func(client.Event) {
		return func(ev client.Event) {
			got = append(got, name+" "+strings.TrimPrefix(fmt.Sprintf("%T", ev), "client."))
		}
	}
	h.Handle("A", note("A"))
	h.Handle("B", note("B"))
	h.Handle("C", note("C"))
	h.Handle("C", nil)
	h.Handle("", note("rest"))
	if err := srv.Publish(event("A", 1), event("B", 2), event("C", 3), `{"type":"retire","instrument":"A"}`); err != nil {
		t.Fatal(err)
	}
	for _, message := range []string{
		`{"type":"conflated","room":"A","skipped":1}`, `{"type":"lost","room":"B","messages":1}`, `{"type":"no_snapshot","room":"A"}`,
		`{"type":"status","room":"B","feed":"silent","since":1}`, `{"type":"message","room":"A","data":"hi"}`, `{"type":"status","bridge":"ok","since":1}`,
	} {
		srv.Send("A", message)
	}
	h.Call(client.Missed{Room: "B"})
	done := errors.New("done")
	ctx, cancel := context.WithCancelCause(within(t))
	defer cancel(nil)
	rest := note("rest")
	h.Handle("", func(ev client.Event) {
		if rest(ev); len(got) == 12 {
			cancel(done)
		}
	})
	if err := h.Run(ctx, c); !errors.Is(err, done) {
		t.Fatal(err)
	}
	want := []string{"B Missed", "rest Connected", "A PriceUpdate", "B PriceUpdate", "rest PriceUpdate", "A Retired", "A Conflated", "B Lost", "A NoSnapshot", "B FeedStatus", "A ChatMessage", "rest BridgeStatus"}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%q, want\n%q", got, want)
	}
	_ = c.Close()
	if err := h.Run(within(t), c); err != nil {
		t.Errorf("after Close: %v", err)
	}
}
