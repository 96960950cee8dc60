package ingest

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unsafe"

	"backbone/internal/hub"
)

// stamp is what names an event among all of its room.
func stamp(e hub.BroadcastEvent) string {
	return fmt.Sprintf("%s.%d %d at %d", e.Version.Instance, e.Life, e.Seq, e.At-epoch.UnixMS)
}

func TestEventsAreNumberedAndTimed(t *testing.T) {
	b := newBox(t, true)
	want(t, "the first", stamp(b.local("X", "1")), "me.0 1 at 0")
	b.wait(time.Second)
	want(t, "the second", stamp(b.local("X", "2")), "me.0 2 at 1000")
	want(t, "of another room", stamp(b.local("Y", "1")), "me.0 1 at 1000")
	pass, _ := b.publish("p", []hub.BroadcastEvent{{Room: "X", Type: "book", Payload: "1"}}, b.now)
	want(t, "of another type", stamp(pass[0]), "me.0 1 at 1000")
}

// A number is never given twice: a room that was forgotten is counted in another life.
func TestAForgottenRoomBeginsAnotherLife(t *testing.T) {
	for name, ttl := range map[string]time.Duration{"table": testTTL, "no table": 0} {
		b := newBox(t, false, func(o *Options) { o.TTL = ttl })
		period := countPeriod
		if ttl > 0 {
			period = versionLife * ttl
		}
		b.local("X", "1")
		want(t, name, stamp(b.local("X", "2")), "me.0 2 at 0")
		b.wait(period)
		b.local("KEPT", "1")
		b.settle()
		b.wait(period - 1)
		e := b.local("KEPT", "2")
		want(t, name+": used within a period", fmt.Sprintf("%d", e.Seq), "2")
		b.wait(1)
		b.rotate(b.now)
		b.settle()
		again, kept := b.local("X", "3"), b.local("KEPT", "3")
		if again.Seq != 1 || again.Life == 0 {
			t.Errorf("%s: forgotten and published again, it is %s", name, stamp(again))
		}
		if kept.Seq != 3 || kept.Life != e.Life {
			t.Errorf("%s: used all the time, it is %s after %s", name, stamp(kept), stamp(e))
		}
	}
}

// Without a table there is a bound, too.
func TestCountsAreBounded(t *testing.T) {
	b := newBox(t, false, func(o *Options) { o.TTL, o.MaxInstruments = 0, 10 })
	for i := range 1000 {
		b.local(fmt.Sprint("R", i), "1")
	}
	if n := len(b.counts.recent) + len(b.counts.old); n > 20 {
		t.Errorf("%d counts, want 20 at most", n)
	}
	for range 100 { // as many rooms as may be, none of which is forgotten
		for i := range 10 {
			b.local(fmt.Sprint("R", i), "1")
		}
	}
	if e := b.local("R0", "1"); e.Seq < 100 {
		t.Errorf("of a room in use it is %s", stamp(e))
	}
}

// The room of an event is a part of its payload, which must not live as long as the count does.
func TestACountKeepsNoPayload(t *testing.T) {
	c := counts{limit: 10, recent: map[place]*count{}, rotated: epoch.Steady}
	for n, at := range []time.Duration{0, 0, 0, countPeriod, countPeriod, countPeriod, 2 * countPeriod} {
		payload := strings.Repeat("ROOM ", 1+n)
		e := hub.BroadcastEvent{Room: payload[:4]}
		if seq, _ := c.next(&e, epoch.Add(at)); seq != uint64(n+1) {
			t.Fatalf("event %d has the number %d", n+1, seq)
		}
		for p := range c.recent {
			if unsafe.StringData(p.room) == unsafe.StringData(e.Room) {
				t.Errorf("event %d lives on", n+1)
			}
		}
	}
}

// A value keeps the stamp that the instance gave it that took it in, wherever it goes.
func TestAValueKeepsItsStamp(t *testing.T) {
	b := newBox(t, true)
	e := from("a", "X", 0, 7, "1")
	e.At, e.Life = epoch.UnixMS-5, 3
	const its = "a.3 7 at -5"
	b.watch([]string{"X"}, hub.Wants{}, b.now)
	b.link(everyone)
	pass := b.remote([]hub.BroadcastEvent{e}, b.now)
	want(t, "live", stamp(pass[0]), its)
	b.local("OTHER", "1")
	b.answer()
	b.out.Taken()
	b.wait(time.Second)
	pass = b.watch([]string{"X"}, hub.Wants{}, b.now)
	want(t, "as a snapshot", stamp(pass[0]), its)
	if pass[0].Born != e.Born {
		t.Errorf("the snapshot was born at %d, want %d", pass[0].Born, e.Born)
	}
	b.link(everyone)
	for _, o := range b.out.Events() {
		if o.Room == "X" && o.Kind == hub.Recovered {
			want(t, "offered again", stamp(o), its)
		}
	}

	found := from("a", "Y", 0, 4, "1")
	found.Kind, found.At, found.Life = hub.Recovered, epoch.UnixMS, 2
	b.watch([]string{"Y"}, hub.Wants{}, b.now)
	rooms := b.nextReads()
	b.readsSent()
	pass = b.lastPrices(rooms, []hub.BroadcastEvent{found}, false, b.now)
	if len(pass) == 0 || stamp(pass[0]) != "a.2 4 at 0" {
		t.Errorf("read from Redis it is %+v", pass)
	}
	b.out.Taken()
	b.link(everyone)
	offers := 0
	for _, o := range b.out.Events() {
		if o.Room == "Y" && o.Kind == hub.Recovered {
			offers++
			want(t, "read and offered again", stamp(o), "a.2 4 at 0")
		}
	}
	if offers != 1 {
		t.Errorf("offered %d times, want once", offers)
	}
}
