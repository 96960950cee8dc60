package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"backbone/internal/hub"
	"backbone/internal/moment"
)

// instance is an Ingest that runs, and what stands around it.
type instance struct {
	*Ingest
	hub    chan []hub.BroadcastEvent
	outbox chan []hub.BroadcastEvent
	reads  chan []string
	stop   func() // ends Run, and returns when it has
}

// start runs an ingest until the test ends. Nobody takes anything from it but the test.
func start(t *testing.T, hubPlaces int, change ...func(*Options)) *instance {
	t.Helper()
	i := &instance{
		hub:    make(chan []hub.BroadcastEvent, hubPlaces),
		outbox: make(chan []hub.BroadcastEvent),
		reads:  make(chan []string),
	}
	o := testOptions("me", false)
	o.Hub, o.Outbox, o.Reads = i.hub, i.outbox, i.reads
	for _, f := range change {
		f(&o)
	}
	i.Ingest = New(o)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		i.Run(ctx)
	}()
	i.stop = func() {
		cancel()
		<-ended
	}
	t.Cleanup(i.stop)
	return i
}

func prices(room string, payloads ...string) (events []hub.BroadcastEvent) {
	for _, p := range payloads {
		events = append(events, hub.BroadcastEvent{Room: room, Payload: p})
	}
	return events
}

func (i *instance) publish(t *testing.T, room string, payloads ...string) {
	t.Helper()
	rejected, err := i.Publisher("p", "").Publish(prices(room, payloads...))
	if rejected != nil || err != nil {
		t.Errorf("published %v: rejected %v, error %v; want neither", payloads, rejected, err)
	}
}

func TestEventsReachHubAndBridge(t *testing.T) {
	i := start(t, 8)
	i.publish(t, "X", "1", "2")
	i.publish(t, "X", "3")
	i.Settle()
	want(t, "the hub", describe(<-i.hub), "live X 1; live X 2")
	want(t, "the hub", describe(<-i.hub), "live X 3")
	want(t, "the bridge", describe(<-i.outbox), "live X 1; live X 2; live X 3")
	i.publish(t, "X", "4")
	want(t, "the bridge", describe(<-i.outbox), "live X 4")
}

func TestRejectedPositionsComeBack(t *testing.T) {
	i := start(t, 8, func(o *Options) { o.MaxInstruments = 1 })
	p := i.Publisher("p", "")
	for range 2 {
		events := append(prices("X", "1"), prices("Y", "2")...)
		rejected, err := p.Publish(events)
		if !slices.Equal(rejected, []int{1}) || err != nil {
			t.Errorf("rejected %v, error %v; want [1] and none", rejected, err)
		}
		want(t, "the hub", describe(<-i.hub), "live X 1")
	}
}

func TestPublishWaitsForTheHubAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := start(t, 0) // nobody takes from the outbox or the reads at all
		const n = 3 * inputPlaces
		finished := make(chan int, n)
		for k := range n {
			go func() {
				i.publish(t, "X", fmt.Sprint(k))
				finished <- k
			}()
		}
		synctest.Wait()
		if got := len(finished); got != 1 {
			t.Fatalf("%d producers were answered while the hub takes nothing, want the first", got)
		}
		for range 10 {
			<-i.hub
			synctest.Wait()
		}
		if got := len(finished); got != 11 {
			t.Errorf("%d producers were answered when the hub has taken 10, want 11", got)
		}
		for range n - 10 {
			<-i.hub
		}
		synctest.Wait()
		if got := len(finished); got != n {
			t.Errorf("%d producers were answered, want all %d", got, n)
		}
		if got := i.Stats(); got.Published != n || got.OutboxEvents != n {
			t.Errorf("counted %+v, want %d published and waiting for the bridge", got, n)
		}
	})
}

func TestNobodyTakesOutboxAndReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := start(t, 1000, func(o *Options) { o.OutboxBytes = 10 * priceSize })
		link := i.FromBridge()
		link.Generation(t.Context(), everyone)
		for k := range 500 {
			room := fmt.Sprint("R", k%50)
			i.publish(t, room, fmt.Sprint(k))
			i.Watch([]string{room}, hub.Wants{Absent: true, Status: true})
			i.Unwatch([]string{room}, nil)
			link.Generation(t.Context(), everyone)
		}
		time.Sleep(time.Minute) // of the bubble: tasks come due
		i.Settle()
		s := i.Stats()
		if s.Published != 500 || s.OutboxBytes > outboxMaximum*10*priceSize+priceSize {
			t.Errorf("counted %+v, want all 500 published and the outbox bounded", s)
		}
		if s.OutboxConflated+s.OutboxDropped+uint64(s.OutboxEvents) < 500 {
			t.Errorf("counted %+v, want every event accounted for", s)
		}
	})
}

// A price does not wait for all the rooms of a client that joins many, or goes.
func TestAnEventDoesNotWaitBehindManyMembers(t *testing.T) {
	const slices = 60 // that the client's rooms take
	var rooms []string
	for k := range slices * roomsPerInput {
		rooms = append(rooms, fmt.Sprint("R", k))
	}
	synctest.Test(t, func(t *testing.T) {
		i := start(t, 0)
		go i.Watch(rooms, hub.Wants{Absent: true})
		synctest.Wait() // the hub takes nothing
		go i.publish(t, "X", "1")
		synctest.Wait()
		for n := range slices + 1 {
			events := <-i.hub
			if len(events) > roomsPerInput {
				t.Fatalf("%d events at a time", len(events))
			}
			if events[0].Room != "X" {
				continue
			}
			if n > slices*2/3 { // each time it comes before the next rooms or behind them
				t.Errorf("the price came behind %d rooms", n*roomsPerInput)
			}
		}
		go func() {
			i.Unwatch(rooms, nil)
			i.publish(t, "X", "2")
		}()
		want(t, "then", describe(<-i.hub), "live X 2")
		if n := i.Stats().Instruments; n != 1 {
			t.Errorf("%d instruments are known", n)
		}
	})
}

func TestJoinersAreWarmed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := start(t, 100)
		link := i.FromBridge()
		link.Generation(t.Context(), everyone)
		synctest.Wait()
		i.Watch([]string{"X"}, hub.Wants{Absent: true})
		rooms := <-i.reads
		if !slices.Equal(rooms, []string{"X"}) {
			t.Fatalf("asked for %v, want X", rooms)
		}
		synctest.Wait()
		if len(i.hub) > 0 {
			t.Fatalf("the hub is given %s before the answer", describe(<-i.hub))
		}
		at := moment.Now()
		link.LastPrices(t.Context(), rooms, []hub.BroadcastEvent{{
			Room: "X", Payload: "p", Kind: hub.Recovered, Born: at.Steady, Version: hub.Version{Clock: wall(at), Instance: "a"},
		}}, nil)
		want(t, "the hub", describe(<-i.hub), "recovered X p!")
		i.Watch([]string{"X"}, hub.Wants{Absent: true})
		want(t, "the hub", describe(<-i.hub), "warm X p!")
		i.Unwatch([]string{"X", "X"}, nil)
		i.Unwatch(nil, nil)
	})
}

func TestAFailedReadIsRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := start(t, 100)
		link := i.FromBridge()
		link.Generation(t.Context(), everyone)
		synctest.Wait()
		i.Watch([]string{"X"}, hub.Wants{Absent: true})
		link.LastPrices(t.Context(), <-i.reads, nil, errors.New("down"))
		want(t, "the hub", describe(<-i.hub), "absent X no X")
		failed := time.Now()
		if rooms := <-i.reads; !slices.Equal(rooms, []string{"X"}) {
			t.Errorf("asked for %v, want X again", rooms)
		}
		if pause := time.Since(failed); pause < rereadDelay/2 || pause > rereadDelay {
			t.Errorf("asked again after %v, want %v at most", pause, rereadDelay)
		}
	})
}

func TestASilentFeedIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := start(t, 100)
		i.publish(t, "X", "1")
		<-i.hub
		i.Watch([]string{"X"}, hub.Wants{Absent: true, Status: true})
		want(t, "the hub", describe(<-i.hub), "warm X 1!")
		began := time.Now()
		got := describe(<-i.hub)
		want(t, "the hub", got, fmt.Sprintf("status X X silent=true since=%d", began.UnixMilli()-epoch.UnixMS))
		if after := time.Since(began); after != testTTL {
			t.Errorf("told after %v, want %v", after, testTTL)
		}
	})
}

// While Redis is coming back, a local event waits for one step at most, not for all.
func TestLocalEventsOvertakeCatchingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := start(t, 0)
		for _, room := range rooms500 {
			i.publish(t, room, "p")
			<-i.hub
		}
		<-i.outbox
		i.publish(t, "X", "holds ingest up")
		i.FromBridge().Generation(t.Context(), everyone)
		go i.publish(t, "X", "live")
		synctest.Wait() // all are in the queue
		<-i.hub
		want(t, "the hub", describe(<-i.hub), "live X live")
		synctest.Wait()
		batch := <-i.outbox
		if len(batch) != 503 {
			t.Errorf("%d events are offered, want all 501 rooms and two events", len(batch))
		}
		if batch[len(batch)-1].Kind == hub.State {
			t.Error("the event came after all that is offered again")
		}
	})
}
