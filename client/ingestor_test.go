package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"backbone/protocol"
)

func update(i int) PriceUpdate {
	return PriceUpdate{Instrument: "BTC_USDT", Price: Price(strconv.Itoa(i) + ".10"), TS: int64(i)}
}

func TestPublishWritesTheTextOfThePrice(t *testing.T) {
	in, p := newServer(t).ingestor(IngestorOptions{Options: Options{APIKey: "secret"}})
	if p.req.URL.Path != protocol.PathIngest || p.req.Header.Get(protocol.HeaderAPIKey) != "secret" {
		t.Errorf("handshake: %s %v", p.req.URL, p.req.Header)
	}
	if p.ws.Subprotocol() != protocol.Subprotocol {
		t.Errorf("subprotocol %q", p.ws.Subprotocol())
	}
	u := PriceUpdate{Instrument: "BTC_USDT", Price: "1.10", TS: 1<<63 - 1, Snapshot: true}
	if err := in.Publish(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	if got, want := p.readText(), `{"type":"price_update","instrument":"BTC_USDT","price":1.10,"ts":9223372036854775807}`; got != want {
		t.Errorf("server got %s\nwant %s", got, want)
	}
	if err := in.PublishBatch(t.Context(), []PriceUpdate{u, {Instrument: "B", Price: "-0"}}); err != nil {
		t.Fatal(err)
	}
	if got, want := p.readText(), `[{"type":"price_update","instrument":"BTC_USDT","price":1.10,"ts":9223372036854775807},{"type":"price_update","instrument":"B","price":-0,"ts":0}]`; got != want {
		t.Errorf("server got %s\nwant %s", got, want)
	}
}

func TestInvalidUpdatesAreNotSent(t *testing.T) {
	in, p := newServer(t).ingestor(IngestorOptions{})
	for _, c := range []struct {
		u     PriceUpdate
		code  protocol.Code
		field string
	}{
		{PriceUpdate{Instrument: "", Price: "1"}, protocol.CodeInvalidRoom, "instrument"},
		{PriceUpdate{Instrument: `A"`, Price: "1"}, protocol.CodeInvalidRoom, "instrument"},
		{PriceUpdate{Instrument: "A", Price: ""}, protocol.CodeInvalidEvent, "price"},
		{PriceUpdate{Instrument: "A", Price: "01"}, protocol.CodeInvalidEvent, "price"},
		{PriceUpdate{Instrument: "A", Price: "1."}, protocol.CodeInvalidEvent, "price"},
		{PriceUpdate{Instrument: "A", Price: "NaN"}, protocol.CodeInvalidEvent, "price"},
		{PriceUpdate{Instrument: "A", Price: `1,"ts":2`}, protocol.CodeInvalidEvent, "price"},
		{PriceUpdate{Instrument: "A", Price: "1e999"}, protocol.CodeInvalidEvent, "price"},
		{PriceUpdate{Instrument: "A", Price: Price(strings.Repeat("1", 65))}, protocol.CodeInvalidEvent, "price"},
		{PriceUpdate{Instrument: "A", Price: "1", TS: -1}, protocol.CodeInvalidEvent, "ts"},
		{PriceUpdate{Instrument: "A", Price: "1", Data: json.RawMessage(`[]`)}, protocol.CodeInvalidEvent, "data"},
		{PriceUpdate{Instrument: "A", Price: "1", Data: json.RawMessage(`{}}`)}, protocol.CodeInvalidEvent, "data"},
		{PriceUpdate{Instrument: "A", Price: "1", Data: json.RawMessage("{\"a\":\"\xff\"}")}, protocol.CodeInvalidEvent, "data"},
		{PriceUpdate{Instrument: "A", Price: "1", Data: json.RawMessage(`{"a":"\ud83d"}`)}, protocol.CodeInvalidEvent, "data"},
		{PriceUpdate{Instrument: "A", Price: "1", Data: json.RawMessage(`{"a":"` + strings.Repeat("x", protocol.MaxDataBytes) + `"}`)}, protocol.CodeInvalidEvent, "data"},
		{PriceUpdate{Instrument: "A", Price: "1", Data: json.RawMessage(strings.Repeat(`{"a":`, 17) + "1" + strings.Repeat("}", 17))}, protocol.CodeInvalidEvent, "data"},
	} {
		_, asyncErr := in.PublishAsync(t.Context(), c.u)
		for _, err := range []error{
			in.Publish(t.Context(), c.u), in.PublishAck(t.Context(), c.u), asyncErr,
			in.PublishBatch(t.Context(), []PriceUpdate{update(1), c.u}),
		} {
			refused, ok := errors.AsType[*RequestError](err)
			if !ok || refused.Code != c.code || !strings.HasPrefix(refused.Message, c.field+": ") {
				t.Errorf("%+v: got %v", c.u, err)
			}
		}
	}
	if err := in.Publish(t.Context(), update(7)); err != nil {
		t.Fatal(err)
	}
	if m := p.expect(protocol.TypePriceUpdate); *m.TS != 7 {
		t.Errorf("server got %+v, want only the valid update", m)
	}
}

func TestLargeBatchIsCutAtTheSizeLimit(t *testing.T) {
	in, p := newServer(t).ingestor(IngestorOptions{})
	p.ws.SetReadLimit(protocol.MaxMessageBytes)
	us := make([]PriceUpdate, 5000)
	for i := range us {
		us[i] = update(i)
	}
	if err := in.PublishBatch(t.Context(), us); err != nil {
		t.Fatal(err)
	}
	messages := 0
	for next := 0; next < len(us); messages++ {
		var batch []protocol.ClientMessage
		if err := json.Unmarshal([]byte(p.readText()), &batch); err != nil {
			t.Fatal(err)
		}
		for _, m := range batch {
			if *m.TS != int64(next) || Price(m.Price) != us[next].Price {
				t.Fatalf("event %d: %+v", next, m)
			}
			next++
		}
	}
	if messages > 8 {
		t.Errorf("%d messages, want few", messages)
	}
}

// Many acks are awaited at once, and each answer finds its own event in any order.
func TestAcksArePipelined(t *testing.T) {
	in, p := newServer(t).ingestor(IngestorOptions{})
	const n = 200
	async(t, func() {
		var ids []string
		for range n {
			ids = append(ids, p.expect(protocol.TypePriceUpdate).ID) // no answer before all are there
		}
		for i := range ids {
			i := i ^ 1 // pairs change places
			if i%10 == 0 {
				p.answer(protocol.ServerMessage{Type: protocol.TypeError, Code: protocol.CodeTooManyInstruments, Message: strconv.Itoa(i), ID: ids[i]})
				continue
			}
			p.answer(protocol.ServerMessage{Type: protocol.TypeAck, ID: ids[i]})
		}
	})
	var pending []*Pending
	for i := range n {
		w, err := in.PublishAsync(patient(t), update(i))
		if err != nil {
			t.Fatal(err)
		}
		pending = append(pending, w)
	}
	for i, w := range pending {
		for range 2 { // Wait again gives the same
			err := w.Wait(patient(t))
			refused, rejected := errors.AsType[*RequestError](err)
			if rejected != (i%10 == 0) || !rejected && err != nil || rejected && refused.Message != strconv.Itoa(i) {
				t.Errorf("event %d: %v", i, err)
			}
		}
	}
}

// An event that others have overtaken is lost with the connection like the rest.
func TestOvertakenEventIsLostToo(t *testing.T) {
	in, p := newServer(t).ingestor(IngestorOptions{})
	async(t, func() {
		p.read()
		p.answer(protocol.ServerMessage{Type: protocol.TypeAck, ID: p.read().ID})
		p.read()
		p.kill()
	})
	var pending []*Pending
	for i := range 3 {
		w, err := in.PublishAsync(t.Context(), update(i))
		if err != nil {
			t.Fatal(err)
		}
		pending = append(pending, w)
	}
	for i, w := range pending {
		if err := w.Wait(patient(t)); errors.Is(err, ErrConnectionLost) != (i != 1) {
			t.Errorf("event %d: %v", i, err)
		}
	}
}

func TestRequestsInFlightAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, p := newPipeServer(t).ingestor(IngestorOptions{Options: Options{MaxInFlight: 3}})
		async(t, func() { p.untilGone() })
		for i := range 3 {
			if _, err := in.PublishAsync(t.Context(), update(i)); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := in.PublishAsync(ctx, update(3)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

func TestRejectionWithoutACallGoesToOnEvent(t *testing.T) {
	events := make(chan Event, 10)
	in, p := newServer(t).ingestor(IngestorOptions{OnEvent: func(ev Event) { events <- ev }})
	async(t, func() {
		p.readText()
		p.pong() // before the outcome of what it read with the ping
		p.write(`{"type":"error","code":"invalid_event","message":"price: ...","index":3}`)
		p.pong()
	})
	if err := in.PublishBatch(t.Context(), []PriceUpdate{update(1)}); err != nil {
		t.Fatal(err)
	}
	if err := in.Flush(patient(t)); err != nil {
		t.Fatal(err)
	}
	if ev := <-events; !equal(ev, Connected{}) {
		t.Errorf("event %#v", ev)
	}
	want := &RequestError{Code: protocol.CodeInvalidEvent, Message: "price: ...", Index: 3}
	select {
	case ev := <-events:
		if !equal(ev, want) {
			t.Errorf("event %#v", ev)
		}
	default:
		t.Error("Flush returned before OnEvent had heard of the rejection")
	}
}

// Written and unanswered: lost, and told so. Queued and unwritten: sent on the next
// connection, in order. Nothing twice.
func TestLostConnectionSendsNothingTwice(t *testing.T) {
	s := newServer(t)
	in, p := s.ingestor(IngestorOptions{Outage: KeepAll})
	w, err := in.PublishAsync(t.Context(), update(0))
	if err != nil {
		t.Fatal(err)
	}
	p.expect(protocol.TypePriceUpdate)
	hold := make(chan struct{})
	s.refuse <- func(w http.ResponseWriter, r *http.Request) { <-hold; status(503)(w, r) }
	p.kill()
	if err := w.Wait(patient(t)); !errors.Is(err, ErrConnectionLost) {
		t.Fatalf("got %v", err)
	}
	for i := 1; i <= 100; i++ { // no connection: all of these wait
		if err := in.Publish(t.Context(), update(i)); err != nil {
			t.Fatal(err)
		}
	}
	close(hold)
	p = s.accept()
	for i := 1; i <= 100; i++ {
		if m := p.expect(protocol.TypePriceUpdate); *m.TS != int64(i) {
			t.Fatalf("got ts %d, want %d", *m.TS, i)
		}
	}
}

// While there is no connection only calls that wait for an answer wait, as long as their contexts.
func TestACallWhileDisconnectedWaitsAsLongAsItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newPipeServer(t)
		in, p := s.ingestor(IngestorOptions{Outage: KeepAll, Options: Options{SendQueue: 2, MaxInFlight: 1}})
		s.refuse <- status(503, "Retry-After", "60")
		p.kill()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := in.PublishAck(ctx, update(99)); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v", err)
		}
		if err := in.Publish(ctx, update(2)); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v, want the error of a context that has ended", err)
		}
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for i := range 10 {
			if err := in.Publish(ctx, update(i)); err != nil {
				t.Fatal(err)
			}
		}
		if err := in.PublishAck(ctx, update(4)); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v, want no answer", err)
		}
		p = s.accept()
		for i := range 10 {
			if m := p.expect(protocol.TypePriceUpdate); *m.TS != int64(i) || m.ID != "" {
				t.Fatalf("got %+v: what was withdrawn must not be sent", m)
			}
		}
		async(t, func() {
			p.answer(protocol.ServerMessage{Type: protocol.TypeAck, ID: p.expect(protocol.TypePriceUpdate).ID})
			p.untilGone()
		})
		if err := in.PublishAck(patient(t), update(5)); err != nil { // calls that failed hold no slot
			t.Error(err)
		}
	})
}

// A connection that takes nothing is no outage: the queue fills, and calls wait.
func TestPublishIntoAFullQueueWaitsAsLongAsItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, p := newPipeServer(t).ingestor(IngestorOptions{Options: Options{SendQueue: 2}})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		sent := 0
		for err := error(nil); err == nil; sent++ {
			err = in.Publish(ctx, update(sent))
		}
		for i := range sent - 1 {
			if m := p.expect(protocol.TypePriceUpdate); *m.TS != int64(i) {
				t.Fatalf("got %+v, want event %d", m, i)
			}
		}
		async(t, func() { p.untilGone() })
	})
}

func TestOrderAcrossJoinedWrites(t *testing.T) {
	in, p := newServer(t).ingestor(IngestorOptions{})
	const n = 5000
	async(t, func() {
		for i := range n {
			if err := in.Publish(t.Context(), update(i)); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for i := range n {
		if m := p.expect(protocol.TypePriceUpdate); *m.TS != int64(i) {
			t.Fatalf("got ts %d, want %d", *m.TS, i)
		}
	}
}

func ExampleRequestError() {
	err := (&Ingestor{}).Publish(context.Background(), PriceUpdate{Instrument: "BTC_USDT", Price: "1,5"})
	var invalid *RequestError
	if errors.As(err, &invalid) {
		fmt.Println(invalid.Code, invalid.Message)
	}
	// Output: invalid_event price: "1,5", expected a JSON number of at most 64 characters
}
