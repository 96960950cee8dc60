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
	synctest.Wait() // what was left out is told behind Connected
	for len(events) > 0 {
		if told, ok := (<-events).(LeftOut); ok {
			left = told
		}
	}
	return texts, left
}

func message(instrument string, n int) string {
	return fmt.Sprintf(`{"type":"price_update","instrument":%q,"price":%d,"ts":%d}`, instrument, n, n)
}

func tick(instrument string, n int) PriceUpdate {
	return PriceUpdate{Instrument: instrument, Price: Price(fmt.Sprint(n)), TS: int64(n)}
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

// Of what the second loss finds unsent the oldest comes first.
func TestASecondLossKeepsTheOrder(t *testing.T) {
	for name, outage := range map[string]Outage{"KeepAll": KeepAll, "KeepNewest": KeepNewest} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newPipeServer(t)
				in, events := s.outage(IngestorOptions{Outage: outage})
				publish := func(from, to int) {
					for i := from; i < to; i++ {
						note := json.RawMessage(fmt.Sprintf(`{"type":"note","n":%d}`, i))
						if err := errors.Join(in.PublishJSON(t.Context(), note), in.Publish(t.Context(), tick(fmt.Sprint("I", i), i))); err != nil {
							t.Fatal(err)
						}
					}
				}
				publish(0, 1000)
				p := s.accept()
				var got []string
				for range 100 {
					got = append(got, p.readText())
				}
				p.kill()
				publish(1000, 1300)
				rest, left := s.back(in, events)
				at := 0
				for i, text := range append(got, rest...) {
					want := func(at int) string {
						if at%2 == 0 {
							return fmt.Sprintf(`{"type":"note","n":%d}`, at/2)
						}
						return message(fmt.Sprint("I", at/2), at/2)
					}
					for ; i == len(got) && at < 2000 && text != want(at); at++ { // what was on its way is lost
					}
					if text != want(at) {
						t.Fatalf("message %d of %d: %s, want %s", i, len(got)+len(rest), text, want(at))
					}
					at++
				}
				if at != 2600 || left != (LeftOut{}) {
					t.Errorf("the last is message %d, left out %+v", at, left)
				}
			})
		})
	}
}

// withdrawn publishes u and does not wait for long.
func withdrawn(t *testing.T, in *Ingestor, u PriceUpdate) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := in.PublishAck(ctx, u); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "not sent") {
		t.Errorf("a call whose context ends: %v", err)
	}
}

func TestAWithdrawnPriceTakesNoPlaceInAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newPipeServer(t)
		in, events := s.outage(IngestorOptions{})
		for _, instrument := range []string{"A", "B", "C"} {
			if err := in.Publish(t.Context(), tick(instrument, 1)); err != nil {
				t.Fatal(err)
			}
		}
		withdrawn(t, in, tick("A", 2))
		acked := func(u PriceUpdate) {
			async(t, func() { _ = in.PublishAck(patient(t), u) })
			synctest.Wait()
		}
		acked(tick("B", 2))
		acked(tick("B", 3))
		withdrawn(t, in, tick("B", 4))
		acked(tick("C", 2))
		withdrawn(t, in, tick("C", 3))
		if err := in.Publish(t.Context(), tick("C", 4)); err != nil {
			t.Fatal(err)
		}
		got, left := s.back(in, events)
		if len(got) != 3 || got[0] != message("A", 1) || !strings.HasPrefix(got[1], strings.TrimSuffix(message("B", 3), "}")+`,"id":`) || got[2] != message("C", 4) ||
			left != (LeftOut{Conflated: 4}) {
			t.Errorf("sent %q, left out %+v", got, left)
		}
	})
}

func TestWithdrawnCallsNeedNoOutageBuffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newPipeServer(t)
		in, events := s.outage(IngestorOptions{Outage: KeepAll, OutageBuffer: 10 * (len(message("A", 100)) + heldOverhead)})
		if err := in.Publish(t.Context(), tick("A", 100)); err != nil {
			t.Fatal(err)
		}
		for range 100 {
			withdrawn(t, in, tick("A", 100))
		}
		for i := range 9 {
			if err := in.Publish(t.Context(), tick("A", 101+i)); err != nil {
				t.Fatal(err)
			}
		}
		if got, left := s.back(in, events); len(got) != 10 || got[0] != message("A", 100) || left != (LeftOut{}) {
			t.Errorf("sent %q, left out %+v", got, left)
		}
	})
}

func TestPingsOfAnOutageAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, _ := newPipeServer(t).outage(IngestorOptions{Options: Options{MaxInFlight: 3}})
		for range 1000 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			if _, err := in.Ping(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
			cancel()
		}
		synctest.Wait()
		if k := in.s.kept; k.queue.Len() > 3 || len(k.calls) > 3 {
			t.Errorf("%d requests are kept, %d of them calls", k.queue.Len(), len(k.calls))
		}
	})
}

// A call that was withdrawn before the queue was looked at frees its slot unseen.
func TestWhatIsWithdrawnAlreadyIsNotKept(t *testing.T) {
	k := newKept(KeepNewest, 1000, nil)
	c := &call{}
	c.claimed.Store(true)
	k.take(request{data: []byte(message("A", 1)), call: c}, nil)
	if k.queue.Len() > 0 || len(k.prices) > 0 || len(k.calls) > 0 || k.bytes > 0 {
		t.Errorf("%d requests are kept, %d bytes", k.queue.Len(), k.bytes)
	}
}

// A ping that is published as an event is kept as one.
func TestPublishedPingsOfAnOutageAreBounded(t *testing.T) {
	ping := json.RawMessage(`{"type":"ping"}`)
	for outage, want := range map[Outage]int{KeepNewest: 10, KeepAll: 10, DropAll: 0} {
		synctest.Test(t, func(t *testing.T) {
			s := newPipeServer(t)
			in, events := s.outage(IngestorOptions{Outage: outage, OutageBuffer: 10 * (len(ping) + heldOverhead)})
			for range 1000 {
				if err := in.PublishJSON(t.Context(), ping); err != nil {
					t.Fatal(err)
				}
			}
			if _, left := s.back(in, events); left != (LeftOut{Dropped: uint64(1000 - want)}) {
				t.Errorf("%v: left out %+v, want %d kept", outage, left, want)
			}
		})
	}
}
