package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"backbone/client/clienttest"
	"backbone/protocol"
)

func TestCloseSaysGoodbye(t *testing.T) {
	c, p := newServer(t).consumer(ConnOptions{})
	p.write(price("A", "1", 1))
	ended := make(chan error, 1)
	async(t, func() { ended <- p.untilGone() })
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; websocket.CloseStatus(err) != websocket.StatusNormalClosure {
		t.Errorf("the server saw %v, want a normal closure", err)
	}
	for range c.Events() { // ends
	}
	if c.Err() != nil {
		t.Errorf("Err after Close: %v", c.Err())
	}
	if err := c.Join(t.Context(), "A"); !errors.Is(err, ErrClosed) {
		t.Errorf("Join after Close: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Errorf("Close again: %v", err)
	}
}

func TestCloseDoesNotWaitForADeadServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := newPipeServer(t).consumer(ConnOptions{})
		start := time.Now()
		c.Close()
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func TestCloseReleasesAReaderNobodyReadsFrom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newPipeServer(t).consumer(ConnOptions{Buffer: 1})
		async(t, func() {
			for p.ws.Write(t.Context(), websocket.MessageText, []byte(price("A", "1", 1))) == nil {
			}
		})
		synctest.Wait()
		c.Close()
	})
}

func TestContextOfDialBoundsTheDialOnly(t *testing.T) {
	s := newServer(t)
	ctx, cancel := context.WithCancel(t.Context())
	c, err := Dial(ctx, s.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	p := s.accept()
	cancel()
	async(t, func() {
		p.join()
		p.kill() // even a connection that is made after the end of ctx
		p := s.accept()
		p.join()
		p.pong()
	})
	if err := c.Join(patient(t), "A"); err != nil {
		t.Fatal(err)
	}
	for want := range slices.Values([]Event{Connected{}, Disconnected{}, Connected{}, Rejoined{}}) {
		if got := nextEvent(t, c); !sameType(got, want) {
			t.Errorf("event %#v, want %T", got, want)
		}
	}
	if _, err := c.Ping(patient(t)); err != nil || c.Err() != nil {
		t.Errorf("Ping: %v, Err: %v", err, c.Err())
	}
}

func TestContextOfDialEndsTheDial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reason := errors.New("no longer wanted")
		for name, opt := range map[string]Options{"one attempt": {}, "keep trying": {KeepTrying: true}} {
			ctx, cancel := context.WithCancelCause(t.Context())
			opt.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
				cancel(reason)
				<-ctx.Done()
				return nil, context.Cause(ctx)
			}
			if _, err := Dial(ctx, "ws://pipe", &ConnOptions{Options: opt}); !errors.Is(err, reason) {
				t.Errorf("%s: got %v", name, err)
			}
		}
	}) // which also finds goroutines that are left
}

func TestContextOfACall(t *testing.T) {
	c, p := newServer(t).consumer(ConnOptions{})
	ctx, cancel := context.WithCancelCause(t.Context())
	reason := errors.New("no longer wanted")
	async(t, func() {
		p.expect(protocol.TypeJoin)
		cancel(reason)
		p.join()
	})
	if err := c.Join(ctx, "A"); !errors.Is(err, reason) {
		t.Fatalf("got %v", err)
	}
	if err := c.Join(ctx, "A"); !errors.Is(err, reason) {
		t.Fatalf("got %v", err)
	}
	if err := c.Join(patient(t), "A"); err != nil { // the connection lives on
		t.Fatal(err)
	}
}

func TestIngestorCloseFlushes(t *testing.T) {
	in, p := newServer(t).ingestor(IngestorOptions{})
	handled := 0
	async(t, func() {
		for ; handled < 500; handled++ {
			p.expect(protocol.TypePriceUpdate)
		}
		p.pong()
		p.pong()
		p.untilGone()
	})
	for i := range 500 {
		if err := in.Publish(t.Context(), update(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := in.Close(); err != nil || handled != 500 {
		t.Errorf("%v, with %d of 500 handled", err, handled)
	}
}

func TestIngestorCloseNowSendsWhatIsQueued(t *testing.T) {
	in, p := newServer(t).ingestor(IngestorOptions{})
	for i := range 200 {
		if err := in.Publish(t.Context(), update(i)); err != nil {
			t.Fatal(err)
		}
	}
	closed := make(chan error, 1)
	async(t, func() { closed <- in.CloseNow() }) // it waits for no reply
	for i := range 200 {
		if m := p.expect(protocol.TypePriceUpdate); *m.TS != int64(i) {
			t.Fatalf("got ts %d, want %d", *m.TS, i)
		}
	}
	p.untilGone()
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

func TestIngestorCloseTellsOfWhatWasNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newPipeServer(t)
		in, p := s.ingestor(IngestorOptions{Outage: KeepAll})
		s.refuse <- status(503, "Retry-After", "60")
		p.kill()
		synctest.Wait()
		time.Sleep(time.Second)
		for i := range 3 {
			if err := in.Publish(t.Context(), update(i)); err != nil {
				t.Fatal(err)
			}
		}
		w, err := in.PublishAsync(t.Context(), update(3))
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		err = in.Close()
		if !errors.Is(err, ErrConnectionLost) || !strings.Contains(err.Error(), "4 queued") {
			t.Errorf("Close: %v", err)
		}
		if time.Since(start) > 0 {
			t.Errorf("Close took %v without a connection", time.Since(start))
		}
		if err := w.Wait(t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("Wait: %v", err)
		}
	})
}

// A request that slips into the queue while the session ends is nobody's any more.
func TestCallThatMissedTheEndReturns(t *testing.T) {
	s := &session{done: make(chan struct{})}
	s.ctx, s.stop = context.WithCancelCause(t.Context())
	s.stop(ErrClosed)
	close(s.done)
	if _, err := s.await(patient(t), &call{done: make(chan struct{})}); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v", err)
	}
}

// Close, while many goroutines use everything and connections break.
func TestCloseDuringEverything(t *testing.T) {
	srv := clienttest.NewServer()
	defer srv.Close()
	for round := range 20 {
		c, err := Dial(t.Context(), srv.URL, &ConnOptions{Buffer: 4})
		if err != nil {
			t.Fatal(err)
		}
		in, err := DialIngestor(t.Context(), srv.URL, &IngestorOptions{Options: Options{SendQueue: 4, MaxInFlight: 4}})
		if err != nil {
			t.Fatal(err)
		}
		allowed := func(err error) bool {
			return err == nil || errors.Is(err, ErrClosed) || errors.Is(err, ErrConnectionLost)
		}
		var users sync.WaitGroup
		use := func(f func(i int) error) {
			users.Go(func() {
				for i := 0; ; i++ {
					err := f(i)
					if _, refused := errors.AsType[*RequestError](err); !refused && !allowed(err) {
						t.Errorf("%v", err)
						return
					}
					if errors.Is(err, ErrClosed) {
						return
					}
				}
			})
		}
		received := make(chan struct{}, 1)
		users.Go(func() {
			for range c.Events() {
				select {
				case received <- struct{}{}:
				default:
				}
			}
		})
		ctx := t.Context()
		use(func(i int) error { return c.Join(ctx, fmt.Sprint("R", i%5)) })
		use(func(i int) error { return c.Leave(ctx, fmt.Sprint("R", i%5)) })
		use(func(int) error { return c.Send(ctx, "R1", "x") })
		use(func(int) error { _, err := c.Ping(ctx); return err })
		use(func(i int) error { // acks keep the server from falling behind
			return errors.Join(
				in.Publish(ctx, PriceUpdate{Instrument: "R2", Price: "1"}),
				in.PublishAck(ctx, PriceUpdate{Instrument: "R3", Price: "1"}))
		})
		use(func(i int) error {
			_, err := in.PublishAsync(ctx, PriceUpdate{Instrument: "R4", Price: "1"})
			return err
		})
		use(func(int) error { return in.Flush(ctx) })
		for range 20 {
			<-received
		}
		if round%2 == 0 {
			srv.Disconnect()
		}
		var closers sync.WaitGroup
		for range 3 {
			closers.Go(func() { c.Close() })
			closers.Go(func() { in.Close() })
		}
		closers.Wait()
		users.Wait()
	}
}
