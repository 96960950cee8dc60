package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"backbone/protocol"
)

// outage takes the connection of an ingestor away for a minute, and returns its events.
func (s *server) outage(o IngestorOptions) (*Ingestor, chan Event) {
	s.t.Helper()
	events := make(chan Event, 100)
	o.OnEvent = func(ev Event) { events <- ev }
	in, p := s.ingestor(o)
	s.refuse <- status(503, "Retry-After", "60")
	p.kill()
	synctest.Wait()
	return in, events
}

// back returns the texts that come on the next connection up to the ping of a Flush, and what the
// ingestor says of those that do not.
func (s *server) back(in *Ingestor, events chan Event) (texts []string, left LeftOut) {
	s.t.Helper()
	p := s.accept()
	async(s.t, func() { _ = in.Flush(patient(s.t)) })
	for text := p.readText(); !strings.HasPrefix(text, `{"type":"ping"`); text = p.readText() {
		texts = append(texts, text)
	}
	for ev := range events {
		if _, ok := ev.(Connected); ok && in.s.up.Load() {
			break
		}
	}
	for len(events) > 0 {
		left, _ = (<-events).(LeftOut)
	}
	return texts, left
}

func message(instrument string, n int) string {
	return fmt.Sprintf(`{"type":"price_update","instrument":%q,"price":%d,"ts":%d}`, instrument, n, n)
}

func tick(instrument string, n int) PriceUpdate {
	return PriceUpdate{Instrument: instrument, Price: json.Number(fmt.Sprint(n)), TS: int64(n)}
}

// story publishes prices of three instruments in several ways, and an event of another type.
func story(t *testing.T, in *Ingestor) {
	t.Helper()
	for i := range 1000 { // more than Options.SendQueue, and none waits
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
		if err := in.Publish(ctx, tick("A", i)); err != nil {
			t.Fatal(err)
		}
		cancel()
	}
	note := json.RawMessage(`{"type":"note","instrument":"A"}`)
	if err := errors.Join(in.Publish(t.Context(), tick("B", 1)), in.PublishJSON(t.Context(), note), in.PublishJSON(t.Context(), note),
		in.PublishBatch(t.Context(), []PriceUpdate{tick("C", 1), tick("B", 2), tick("C", 2)}),
		in.PublishJSON(t.Context(), json.RawMessage(`{"instrument":"A","type":"price_update","price":1000,"ts":1}`))); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
}

func TestAnOutageKeepsTheNewestOfEachInstrument(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newPipeServer(t)
		in, events := s.outage(IngestorOptions{})
		story(t, in)
		got, left := s.back(in, events)
		note := `{"type":"note","instrument":"A"}`
		want := []string{note, note, message("B", 2), message("C", 2), `{"instrument":"A","type":"price_update","price":1000,"ts":1}`}
		if !slices.Equal(got, want) || left != (LeftOut{Conflated: 1002}) {
			t.Errorf("sent %q, left out %+v", got, left)
		}
	})
}

func TestAnOutageKeepsAllThatIsAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newPipeServer(t)
		in, events := s.outage(IngestorOptions{Outage: KeepAll})
		story(t, in)
		got, left := s.back(in, events)
		if len(got) != 1005 || got[0] != message("A", 0) || got[1003] != "["+message("C", 1)+","+message("B", 2)+","+message("C", 2)+"]" || left != (LeftOut{}) {
			t.Errorf("%d messages, left out %+v: %q", len(got), left, got[1000:])
		}
	})
}

// What is refused is the oldest.
func TestAFullOutageBufferLosesTheOldest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newPipeServer(t)
		in, events := s.outage(IngestorOptions{Outage: KeepAll, OutageBuffer: 10 * (len(message("A", 990)) + heldOverhead)})
		early, err := in.PublishAsync(t.Context(), tick("B", 1))
		if err != nil {
			t.Fatal(err)
		}
		for i := range 1000 {
			if err := in.Publish(t.Context(), tick("A", i)); err != nil {
				t.Fatal(err)
			}
		}
		if err := early.Wait(patient(t)); !errors.Is(err, ErrLeftOut) {
			t.Errorf("the oldest: %v", err)
		}
		got, left := s.back(in, events)
		if len(got) != 10 || got[0] != message("A", 990) || got[9] != message("A", 999) || left != (LeftOut{Dropped: 991}) {
			t.Errorf("sent %q, left out %+v", got, left)
		}
	})
}

func TestAnOutageDropsAllIfAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newPipeServer(t)
		in, events := s.outage(IngestorOptions{Outage: DropAll})
		story(t, in)
		if err := in.PublishAck(patient(t), tick("A", 1)); !errors.Is(err, ErrLeftOut) {
			t.Errorf("got %v", err)
		}
		if got, left := s.back(in, events); len(got) > 0 || left != (LeftOut{Dropped: 1008}) {
			t.Errorf("sent %q, left out %+v", got, left)
		}
	})
}

// A call that waits for its acknowledgement hears that its event is not sent, and frees its place.
func TestAcknowledgedEventsOfAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newPipeServer(t)
		in, _ := s.outage(IngestorOptions{Options: Options{MaxInFlight: 2}})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := in.PublishAck(ctx, tick("B", 9)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a call whose context ends: %v", err)
		}
		var pending []*Pending
		for i := range 100 {
			w, err := in.PublishAsync(patient(t), tick("A", i))
			if err != nil {
				t.Fatal(err)
			}
			pending = append(pending, w)
		}
		async(t, func() {
			p := s.accept()
			m := p.expect(protocol.TypePriceUpdate) // and not what was withdrawn
			if *m.TS != 99 {
				t.Errorf("got %+v", m)
			}
			p.answer(protocol.ServerMessage{Type: protocol.TypeAck, ID: m.ID})
			p.untilGone()
		})
		for i, w := range pending {
			if err := w.Wait(patient(t)); (err == nil) != (i == 99) || err != nil && !errors.Is(err, ErrLeftOut) {
				t.Errorf("event %d: %v", i, err)
			}
		}
		in.s.stop(ErrClosed)
	})
}

// Before the first connection there is none either.
func TestAnOutageAtTheBeginning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newPipeServer(t)
		s.refuse <- status(503, "Retry-After", "60")
		events := make(chan Event, 100)
		in, err := DialIngestor(t.Context(), s.url, &IngestorOptions{Options: Options{DialContext: s.dial, KeepTrying: true}, OnEvent: func(ev Event) { events <- ev }})
		if err != nil {
			t.Fatal(err)
		}
		story(t, in)
		if got, left := s.back(in, events); len(got) != 5 || left != (LeftOut{Conflated: 1002}) {
			t.Errorf("sent %q, left out %+v", got, left)
		}
		_ = in.CloseNow() // nothing waits
	})
}

// An end in an outage says what was never sent, and what was left out of it before.
func TestTheEndInAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, events := newPipeServer(t).outage(IngestorOptions{})
		story(t, in)
		err := in.Close()
		if !errors.Is(err, ErrConnectionLost) || !strings.Contains(err.Error(), "5 queued messages were not sent") {
			t.Errorf("got %v", err)
		}
		var last Event
		for len(events) > 0 {
			last = <-events
		}
		if last != (LeftOut{Conflated: 1002}) {
			t.Errorf("the last event: %+v", last)
		}
	})
}
