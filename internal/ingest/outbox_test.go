package ingest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"backbone/internal/hub"
	"backbone/internal/partition"
)

// priceOf is a value with the given version, of priceSize bytes in all.
func priceOf(room string, version uint64, kind hub.Kind) *hub.BroadcastEvent {
	return &hub.BroadcastEvent{Room: room, Payload: fmt.Sprintf("%072d", version), Kind: kind, Version: hub.Version{Clock: version, Instance: "me"}}
}

const priceSize = 72 + eventOverhead

func TestOutboxKeepsEverythingWithinItsBound(t *testing.T) {
	o := outbox{limit: 10 * priceSize}
	for i := range uint64(10) {
		o.add(priceOf("X", i+1, hub.State))
	}
	if len(o.pending) != 10 || o.bytes != 10*priceSize || o.conflated != 0 {
		t.Errorf("holds %d events of %d bytes, %d conflated; want all 10 of %d", len(o.pending), o.bytes, o.conflated, 10*priceSize)
	}
	o.taken()
	if len(o.pending) != 0 || o.bytes != 0 {
		t.Errorf("holds %d events of %d bytes once taken, want none", len(o.pending), o.bytes)
	}
}

func TestOutboxKeepsTheNewestPastItsBound(t *testing.T) {
	o := outbox{limit: 4 * priceSize}
	o.add(priceOf("X", 1, hub.State))
	o.add(priceOf("Y", 2, hub.State))
	o.add(&hub.BroadcastEvent{Room: "lobby", Payload: strings.Repeat("m", 72), Kind: hub.Message})
	o.add(priceOf("X", 3, hub.State))
	o.add(priceOf("X", 3, hub.Resync)) // the fifth: conflates
	check := func(when string, texts ...string) {
		t.Helper()
		var got []string
		bytes := 0
		for _, e := range o.pending {
			got = append(got, fmt.Sprintf("%s %s %d", kinds[e.Kind], e.Room, e.Version.Clock))
			bytes += len(e.Payload) + eventOverhead
		}
		want(t, when, strings.Join(got, "; "), strings.Join(texts, "; "))
		if o.bytes != bytes {
			t.Errorf("%s: counts %d bytes, holds %d", when, o.bytes, bytes)
		}
	}
	check("once conflated", "live X 3", "live Y 2", "resync X 3")
	o.add(priceOf("Y", 4, hub.State))
	o.add(priceOf("X", 3, hub.Recovered)) // is still to be told as live
	o.add(priceOf("Z", 5, hub.Recovered))
	o.add(priceOf("Z", 6, hub.State)) // a recovered one is no loss
	o.add(priceOf("X", 7, hub.Resync))
	o.add(&hub.BroadcastEvent{Room: "lobby", Payload: "m", Kind: hub.Message})
	check("while conflated", "live X 3", "live Y 4", "resync X 7", "live Z 6")
	if o.conflated != 2 || o.dropped != 2 {
		t.Errorf("counted %d conflated and %d dropped, want 2 and 2", o.conflated, o.dropped)
	}
	o.taken()
	o.add(&hub.BroadcastEvent{Room: "lobby", Payload: "m", Kind: hub.Message})
	o.add(priceOf("X", 8, hub.State))
	o.add(priceOf("X", 9, hub.State))
	if len(o.pending) != 3 {
		t.Errorf("holds %d events in the batch after, want all 3", len(o.pending))
	}
}

func TestOutboxDropsWhatRoomsAloneFill(t *testing.T) {
	o := outbox{limit: 10 * priceSize}
	lost := partition.Set(0)
	for i := range uint64(100) {
		room, before := fmt.Sprint("R", i), o.dropped
		if o.add(priceOf(room, i+1, hub.State)); o.dropped > before {
			lost |= partition.Only(partition.Of(room))
		}
	}
	if lost == 0 || o.lost != lost {
		t.Errorf("lost partitions %x, want %x", o.lost, lost)
	}
	o.add(priceOf("R0", 1000, hub.State))
	if bound := outboxFull*o.limit + priceSize; o.bytes > bound {
		t.Errorf("holds %d bytes, want %d at most", o.bytes, bound)
	}
	if got := len(o.pending) + int(o.dropped); got != 100 || o.conflated != 1 {
		t.Errorf("accounts for %d rooms and %d conflated, want 100 and 1", got, o.conflated)
	}
	if got := o.pending[0].Version.Clock; got != 1000 {
		t.Errorf("holds version %d of the first room, want the newest, 1000", got)
	}
}

// What other instances get of a room, whatever the bridge takes and when, is a part of
// what was added, in order, ending with the newest; the rest is counted.
func TestOutboxModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := outbox{limit: rapid.IntRange(1, 20).Draw(t, "places") * priceSize}
		var version, states, got, messages, gotMessages uint64
		newest, seen := map[string]uint64{}, map[string]uint64{}
		take := func(*rapid.T) {
			for _, e := range o.pending {
				if e.Kind == hub.Message {
					gotMessages++
					continue
				}
				if e.Version.Clock <= seen[e.Room] {
					t.Fatalf("%s: version %d after %d", e.Room, e.Version.Clock, seen[e.Room])
				}
				seen[e.Room] = e.Version.Clock
				got++
			}
			o.taken()
		}
		t.Repeat(map[string]func(*rapid.T){
			"price": func(t *rapid.T) {
				room := rapid.SampledFrom([]string{"A", "B", "C", "D", "E"}).Draw(t, "room")
				version++
				states++
				newest[room] = version
				o.add(priceOf(room, version, hub.State))
			},
			"message": func(*rapid.T) {
				messages++
				o.add(&hub.BroadcastEvent{Room: "lobby", Kind: hub.Message})
			},
			"take": take,
			"": func(t *rapid.T) {
				if bound := max(o.limit, 5*priceSize); o.bytes > bound {
					t.Fatalf("holds %d bytes, want %d at most", o.bytes, bound)
				}
			},
		})
		take(t)
		for room, version := range newest {
			if seen[room] != version {
				t.Fatalf("%s: others end with version %d, want the newest, %d", room, seen[room], version)
			}
		}
		if got+o.conflated != states || gotMessages+o.dropped != messages {
			t.Fatalf("of %d prices %d went out and %d were conflated; of %d messages %d and %d dropped",
				states, got, o.conflated, messages, gotMessages, o.dropped)
		}
	})
}

// An event added past the bound costs no more than one before it: the batch is gone
// over once.
func TestOutboxIsConflatedOnce(t *testing.T) {
	o := outbox{limit: 100 * priceSize}
	for i := range uint64(101) {
		o.add(priceOf(fmt.Sprint("R", i), i+1, hub.State))
	}
	at := o.at
	const n = 1000
	events := make([]*hub.BroadcastEvent, n)
	for i := range events {
		events[i] = priceOf(fmt.Sprint("R", i%101), uint64(1000+i), hub.State)
	}
	if got := testing.AllocsPerRun(1, func() {
		for _, e := range events {
			o.add(e)
		}
	}); got != 0 {
		t.Errorf("%d events past the bound made %v allocations, want none", n, got)
	}
	if len(o.at) != len(at) || len(o.pending) != 101 {
		t.Errorf("holds %d events, want 101", len(o.pending))
	}
}

func TestCatchingUpLeavesRoomInTheOutbox(t *testing.T) {
	b := newBox(t, true, func(o *Options) { o.OutboxBytes = 40 * priceSize })
	const n = 500
	for i := range n {
		b.local(fmt.Sprint("R", i), strings.Repeat("p", 72))
	}
	b.out.taken()
	b.local("lobby", "kept")
	b.wait(time.Second)
	b.linkedAnew(everyone)
	offered, rounds := 0, 0
	for b.due != 0 {
		b.settle()
		if b.out.at != nil {
			t.Fatalf("the outbox was conflated by what is offered again")
		}
		offered += len(b.out.pending)
		b.out.taken()
		rounds++
	}
	if offered != n+2 { // and the first of lobby, and what is known of it
		t.Errorf("%d events were offered, want %d", offered, n+2)
	}
	if rounds < 10 {
		t.Errorf("it took the bridge %d batches, want at least 10", rounds)
	}
}

// Promise 4 has no exception for many rooms: what was dropped is offered later.
func TestWhatTheOutboxDroppedIsOfferedOnceThereIsPlace(t *testing.T) {
	b := newBox(t, true, func(o *Options) { o.OutboxBytes = 40 * priceSize })
	const n = 500
	for range 2 { // the second value of each conflates the first
		for i := range n {
			b.local(fmt.Sprint("R", i), strings.Repeat("p", 72))
		}
	}
	if b.out.dropped == 0 {
		t.Fatal("nothing was dropped")
	}
	heard := map[string]hub.Version{}
	for done := false; !done; {
		b.settle()
		done = len(b.out.pending) == 0 && b.due == 0
		for _, e := range b.out.pending {
			heard[e.Room] = e.Version
		}
		b.outboxTaken()
	}
	for i := range n {
		room := fmt.Sprint("R", i)
		if newest := known(b, room).Version; heard[room] != newest {
			t.Fatalf("others hear %v of %s, the newest is %v", heard[room], room, newest)
		}
	}
}
