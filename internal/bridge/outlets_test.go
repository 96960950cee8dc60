package bridge

import (
	"fmt"
	"testing"
	"testing/synctest"

	"backbone/internal/hub"
	"backbone/internal/partition"
)

func TestWhatMovedWaitsForTheSessionThatGainsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		outbox, ended := make(chan []hub.BroadcastEvent), make(chan struct{})
		o := newOutlets(Options{Outbox: outbox, InboxBytes: 1 << 20}, new(counters))
		done := make(chan struct{})
		go func() { o.run(ended); close(done) }()
		low, high := inPartition(0), inPartition(63)
		of := partition.Only(partition.Of(low))
		lower, upper := newOutlet(1<<32-1), newOutlet(partition.All&^(1<<32-1))
		next := func(out *outlet) (prices []string) {
			synctest.Wait()
			select {
			case batch := <-out.events:
				for _, e := range batch {
					prices = append(prices, e.Payload)
				}
			default:
			}
			return prices
		}
		event := func(room string, n int) hub.BroadcastEvent { return tick("A", room, uint64(n), n) }
		o.idle <- idle{out: lower}
		o.idle <- idle{out: upper}
		outbox <- []hub.BroadcastEvent{event(low, 1), event(low, 2), event(high, 3)}
		next(lower)
		next(upper)
		o.idle <- idle{out: upper}
		o.changes <- change{out: upper, gained: of} // before the answer of the master before
		o.idle <- idle{out: lower, back: []hub.BroadcastEvent{event(low, 2)}, moved: of}
		first := next(upper)
		o.idle <- idle{out: upper}
		outbox <- []hub.BroadcastEvent{event(low, 4), event(high, 5)}
		if got := fmt.Sprint(next(lower), first, next(upper)); got != `[] [{"price":2}] [{"price":4} {"price":5}]` {
			t.Errorf("sent %s, want all to the one that has gained the room, in order", got)
		}
		o.idle <- idle{out: upper}
		o.changes <- change{out: upper, lost: of}
		outbox <- []hub.BroadcastEvent{event(low, 6)}
		o.changes <- change{out: lower, gained: of}
		if got := fmt.Sprint(next(lower), next(upper)); got != `[{"price":6}] []` {
			t.Errorf("sent %s, want what waited to the one that has gained the room", got)
		}
		close(ended)
		<-done
	})
}

func TestTheOutboxIsDividedAndWaitsForNoMasterThatIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		outbox, ended := make(chan []hub.BroadcastEvent), make(chan struct{})
		count := new(counters)
		o := newOutlets(Options{Outbox: outbox, InboxBytes: 1000}, count)
		done := make(chan struct{})
		go func() { o.run(ended); close(done) }()
		taken := func(batch ...hub.BroadcastEvent) bool {
			synctest.Wait()
			select {
			case outbox <- batch:
				synctest.Wait()
				return true
			default:
				return false
			}
		}
		got := func(out *outlet) (payloads []string) {
			select {
			case batch := <-out.events:
				for _, e := range batch {
					payloads = append(payloads, e.Payload)
				}
			default:
			}
			return payloads
		}
		check := func(what string, got []string, want ...string) {
			t.Helper()
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s: %v, want %v", what, got, want)
			}
		}
		low, high := inPartition(0), inPartition(63)
		event := func(room string, n int) hub.BroadcastEvent { return tick("A", room, uint64(n), n) }
		lower, upper := newOutlet(1<<32-1), newOutlet(partition.All&^(1<<32-1))

		if taken(event(low, 1)) {
			t.Error("a batch was taken while no master is up")
		}
		o.idle <- idle{out: lower}
		if !taken(event(low, 2), event(high, 3), event(low, 4)) {
			t.Error("a batch was not taken while one master is up")
		}
		check("lower", got(lower), `{"price":2}`, `{"price":4}`)
		if taken() {
			t.Error("a batch was taken while the last one is under way")
		}
		o.idle <- idle{out: lower}
		for n := range 10 { // the newest price waits for the other master; messages past the bound are dropped
			if !taken(event(high, 100+n), chat(high, "c")) {
				t.Error("a batch was not taken")
			}
		}
		o.idle <- idle{out: upper}
		synctest.Wait()
		if waited := got(upper); len(waited) == 0 || waited[0] != `{"price":109}` {
			t.Errorf("upper: %v, want the newest price first", waited)
		}
		if count.conflated.Load() == 0 || count.drops[DropNotSent].Load() == 0 {
			t.Error("what was left out is not counted")
		}
		if taken() {
			t.Error("a batch was taken while one master is busy")
		}
		o.idle <- idle{out: upper}
		if !taken(event(high, 200), event(low, 201)) {
			t.Error("a batch was not taken while both are idle")
		}
		check("lower", got(lower), `{"price":201}`)
		o.gone <- upper // without having taken its part
		next := newOutlet(partition.All &^ (1<<32 - 1))
		o.idle <- idle{out: next}
		synctest.Wait()
		check("the next", got(next), `{"price":200}`)
		o.gone <- next
		o.idle <- idle{out: lower}
		taken(event(high, 300))
		close(ended)
		<-done
		if got := count.drops[DropClosing].Load(); got != 1 {
			t.Errorf("%d dropped at the end, want 1", got)
		}
	})
}
