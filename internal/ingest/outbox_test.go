package ingest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"backbone/internal/backlog"
	"backbone/internal/hub"
)

// priceSize is what an event with a payload of 72 bytes takes of the outbox.
const priceSize = 72 + backlog.Overhead

func TestCatchingUpLeavesRoomInTheOutbox(t *testing.T) {
	b := newBox(t, true, func(o *Options) { o.OutboxBytes = 40 * priceSize })
	const n = 500
	for i := range n {
		b.local(fmt.Sprint("R", i), strings.Repeat("p", 72))
	}
	b.out.Taken()
	b.local("lobby", "kept")
	b.wait(time.Second)
	b.beginGeneration(everyone)
	before := b.out.LeftOut()
	offered, rounds := 0, 0
	for b.due != 0 {
		b.settle()
		if left := b.out.LeftOut(); left != before {
			t.Fatalf("the outbox was conflated by what is offered again: left out %+v, before %+v", left, before)
		}
		offered += b.out.Len()
		b.out.Taken()
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
	if b.out.LeftOut().Dropped == 0 {
		t.Fatal("nothing was dropped")
	}
	heard := map[string]hub.Version{}
	for done := false; !done; {
		b.settle()
		done = b.out.Len() == 0 && b.due == 0
		for _, e := range b.out.Events() {
			heard[e.Room] = e.Version
		}
		b.outboxSent()
	}
	for i := range n {
		room := fmt.Sprint("R", i)
		if newest := known(b, room).Version; heard[room] != newest {
			t.Fatalf("others hear %v of %s, the newest is %v", heard[room], room, newest)
		}
	}
}
