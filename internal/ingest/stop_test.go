package ingest

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"backbone/internal/backlog"
	"backbone/internal/hub"
	"backbone/internal/moment"
)

func TestLinkReports(t *testing.T) {
	i := start(t, 100)
	link := i.FromBridge()
	far := wall(moment.Now().Add(time.Hour))
	link.Clock(t.Context(), far)
	link.State(t.Context(), false, time.UnixMilli(epoch.UnixMS+1000))
	want(t, "the hub", describe(<-i.hub), "status  bridge ok=false since=1000")
	if got := i.Clock(); got != far {
		t.Errorf("the clock is %x, want that of the heartbeat, %x", got, far)
	}
	i.publish(t, "X", "1")
	<-i.hub
	if got := i.Clock(); got != far+1 {
		t.Errorf("the clock is %x after an event, want %x", got, far+1)
	}
	i.Watch([]string{"X"}, hub.Wants{Absent: true})
	<-i.hub
	link.Remote(t.Context(), []hub.BroadcastEvent{{Room: "X", Payload: "2", Version: hub.Version{Clock: far + 5, Instance: "a"}}})
	want(t, "the hub", describe(<-i.hub), "live X 2")
	s := i.Stats()
	if s.Instruments != 1 || s.Published != 1 || s.Remote != 1 || s.ClockSkew != 2 || s.OutboxEvents != 1 || s.OutboxBytes != 1+backlog.Overhead {
		t.Errorf("counted %+v, want Instruments 1, Published 1, Remote 1, ClockSkew 2, OutboxEvents 1", s)
	}
}

func TestLinkHonoursItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := start(t, 0)
		i.publish(t, "X", "1") // ingest waits for the hub from here on
		link := i.FromBridge()
		for range inputPlaces {
			link.Clock(t.Context(), 1)
		}
		calls := map[string]func(context.Context){
			"Remote":     func(ctx context.Context) { link.Remote(ctx, nil) },
			"LastPrices": func(ctx context.Context) { link.LastPrices(ctx, nil, nil, nil) },
			"Generation": func(ctx context.Context) { link.Generation(ctx, 1) },
			"Clock":      func(ctx context.Context) { link.Clock(ctx, 1) },
			"State":      func(ctx context.Context) { link.State(ctx, true, time.Now()) },
		}
		ctx, cancel := context.WithCancel(t.Context())
		finished := make(chan string, 2*len(calls))
		run := func(ctx context.Context) {
			for name, call := range calls {
				go func() {
					call(ctx)
					finished <- name
				}()
			}
			synctest.Wait()
		}
		run(ctx)
		if len(finished) > 0 {
			t.Fatalf("%s returned while ingest takes nothing in", <-finished)
		}
		cancel()
		synctest.Wait()
		if len(finished) != len(calls) {
			t.Errorf("%d calls returned when their context ended, want %d", len(finished), len(calls))
		}
		run(t.Context())
		i.stop()
		synctest.Wait()
		if len(finished) != 2*len(calls) {
			t.Errorf("%d calls returned when ingest stopped, want %d", len(finished)-len(calls), len(calls))
		}
	})
}

func TestStopReleasesEveryCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := start(t, 0)
		i.publish(t, "X", "1") // ingest waits for the hub from here on
		const n = 2 * inputPlaces
		published, flushed := make(chan error, n), make(chan error, 2)
		for range n {
			go func() {
				_, err := i.Publisher("p", "").Publish(prices("X", "2"))
				published <- err
			}()
		}
		synctest.Wait()
		go func() { flushed <- i.Flush(t.Context()) }()
		go i.Watch([]string{"X"}, hub.Wants{Absent: true})
		go i.Unwatch([]string{"X"}, nil)
		go i.Settle()
		synctest.Wait()
		if len(published) > 0 || len(flushed) > 0 {
			t.Fatal("a caller returned while ingest waits for the hub")
		}
		i.stop()
		for range n {
			if err := <-published; !errors.Is(err, ErrStopped) {
				t.Errorf("Publish returned %v, want ErrStopped", err)
			}
		}
		if err := <-flushed; !errors.Is(err, ErrStopped) {
			t.Errorf("Flush returned %v, want ErrStopped", err)
		}
		if _, err := i.Publisher("p", "").Publish(prices("X", "3")); !errors.Is(err, ErrStopped) {
			t.Errorf("Publish after the stop returned %v, want ErrStopped", err)
		}
		if got := i.Stats(); got.Published == 0 || got.OutboxDropped != got.Published || got.OutboxEvents != 0 {
			t.Errorf("Stats after the stop are %+v, want all that was published dropped from the outbox", got)
		}
	})
}

func TestStopWhileIdle(t *testing.T) {
	i := start(t, 1)
	i.publish(t, "X", "1")
	i.stop()
	if err := i.Flush(t.Context()); !errors.Is(err, ErrStopped) {
		t.Errorf("Flush returned %v, want ErrStopped", err)
	}
}

func TestFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := start(t, 8)
		i.publish(t, "X", "1")
		flushed := make(chan error, 2)
		go func() { flushed <- i.Flush(t.Context()) }()
		synctest.Wait()
		want(t, "the bridge", describe(<-i.outbox), "live X 1")
		synctest.Wait()
		if len(flushed) > 0 {
			t.Fatal("Flush returned when the batch was taken, which is not when it was sent")
		}
		go func() { flushed <- i.Flush(t.Context()) }()
		synctest.Wait()
		if batch := <-i.outbox; len(batch) != 0 {
			t.Errorf("the bridge is given %s, want an empty batch", describe(batch))
		}
		for range 2 {
			if err := <-flushed; err != nil {
				t.Errorf("Flush returned %v", err)
			}
		}
		i.publish(t, "X", "2")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := i.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Flush without a bridge returned %v, want the context's error", err)
		}
	})
}

func TestFlushWithoutABridge(t *testing.T) {
	i := start(t, 1, func(o *Options) { o.Outbox, o.Reads = nil, nil })
	i.publish(t, "X", "1")
	if err := i.Flush(t.Context()); err != nil {
		t.Errorf("Flush returned %v, want nothing to wait for", err)
	}
}
