package ingest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"backbone/internal/hub"
)

func TestPublishStamps(t *testing.T) {
	b := newBox(t, true)
	b.wait(1500 * time.Microsecond)
	pass, rejected := b.publish("p", []hub.BroadcastEvent{
		{Room: "X", Payload: "1"},
		{Room: "lobby", Payload: "hi", Kind: hub.Message},
		{Room: "X", Payload: "2"},
		{Room: "Y", Payload: "3"},
	}, b.now)
	want(t, "passed", describe(pass), "live X 1; message lobby hi; live X 2; live Y 3")
	if rejected != nil {
		t.Errorf("rejected %v, want none", rejected)
	}
	for i, seq := range []uint64{1, 0, 2, 1} {
		if pass[i].Seq != seq {
			t.Errorf("event %d has number %d, want %d", i, pass[i].Seq, seq)
		}
		if pass[i].Born != b.now.Steady {
			t.Errorf("event %d was born at %d, want %d", i, pass[i].Born, b.now.Steady)
		}
	}
	if pass[1].Version != (hub.Version{}) {
		t.Errorf("a message has the version %v, want none", pass[1].Version)
	}
	first := wall(epoch.Add(time.Millisecond))
	for i, clock := range map[int]uint64{0: first, 2: first + 1, 3: first + 2} {
		if got := (hub.Version{Clock: clock, Instance: "me"}); pass[i].Version != got {
			t.Errorf("event %d has the version %v, want %v", i, pass[i].Version, got)
		}
	}
	want(t, "for the bridge", b.offered(), "live X 1; message lobby hi; live X 2; live Y 3")
	if got := b.count().Published; got != 4 {
		t.Errorf("%d published, want 4", got)
	}
}

func TestPublishPassesEveryLocalEvent(t *testing.T) {
	b := newBox(t, true)
	b.take(from("other", "X", 60_000, 1, "from the future"))
	b.join("X")
	want(t, "passed", describe([]hub.BroadcastEvent{b.local("X", "1")}), "live X 1")
	b.wait(-time.Hour)
	want(t, "passed with the wall clock back", describe([]hub.BroadcastEvent{b.local("X", "2")}), "live X 2")
	want(t, "an older one from elsewhere", b.take(from("other", "X", 50_000, 2, "late")), "")
}

func TestMaxInstruments(t *testing.T) {
	b := newBox(t, true, func(o *Options) { o.MaxInstruments = 3 })
	batch := func(rooms ...string) (string, []int) {
		var events []hub.BroadcastEvent
		for i, room := range rooms {
			e := hub.BroadcastEvent{Room: room, Payload: fmt.Sprint(i)}
			if room == "lobby" {
				e.Kind = hub.Message
			}
			events = append(events, e)
		}
		pass, rejected := b.publish("p", events, b.now)
		return describe(pass), rejected
	}
	pass, rejected := batch("A", "B", "C", "D", "A", "lobby", "E", "B")
	want(t, "passed", pass, "live A 0; live B 1; live C 2; live A 4; message lobby 5; live B 7")
	if !slices.Equal(rejected, []int{3, 6}) {
		t.Errorf("rejected %v, want [3 6]", rejected)
	}
	want(t, "for the bridge", b.offered(), pass)
	b.join("F") // a member takes no place, and makes none
	pass, rejected = batch("F")
	if want(t, "passed", pass, ""); !slices.Equal(rejected, []int{0}) {
		t.Errorf("rejected %v, want the room that is only watched", rejected)
	}
	want(t, "from elsewhere, unknown", b.take(from("other", "G", 1, 1, "p")), "")
	want(t, "from elsewhere, watched", b.take(from("other", "F", 1, 1, "p")), "live F p")
	want(t, "from elsewhere, known", b.take(from("other", "A", -1, 1, "old")), "")
	if got := b.count(); got.TooMany != 3 || got.Untracked != 1 || got.Instruments != 4 || got.Published != 6 || got.Stale != 1 {
		t.Errorf("counted %+v, want TooMany 3, Untracked 1, Instruments 4, Published 6, Stale 1", got)
	}

	b.wait(testTTL - time.Millisecond)
	if pass, _ = batch("D"); pass != "" {
		t.Errorf("passed %q while all values are alive, want no place yet", pass)
	}
	batch("A")
	b.wait(time.Millisecond)
	pass, rejected = batch("D")
	if want(t, "passed once B and C are past their lives", pass, "live D 0"); rejected != nil {
		t.Errorf("rejected %v, want none", rejected)
	}
	want(t, "the oldest gave way", b.table.has("B"), "nowhere")
	want(t, "the next stays", b.table.has("C"), "recent")
	if got := b.count(); got.Instruments != 4 || got.Displaced != 1 {
		t.Errorf("counted %+v, want A, C, D and F, and B displaced", got)
	}
}

func TestWithoutTTLNothingIsKept(t *testing.T) {
	b := newBox(t, true, func(o *Options) { o.TTL = 0; o.MaxInstruments = 0 })
	b.link(everyone)
	if e := b.local("X", "1"); e.Version.Clock == 0 || e.Seq != 1 {
		t.Errorf("published %+v, want a version and a number", e)
	}
	want(t, "a joiner", b.join("X"), "absent X no X")
	want(t, "from elsewhere", b.take(from("other", "X", 9, 1, "2"), from("other", "X", 5, 2, "3")), "live X 2; live X 3")
	want(t, "offered again elsewhere", b.take(again(from("other", "X", 9, 1, "2"))), "")
	want(t, "asked from elsewhere", b.take(hub.BroadcastEvent{Room: "X", Kind: hub.Resync}), "")
	b.link(everyone)
	b.unwatch([]string{"X"}, nil)
	if want(t, "for the bridge", b.offered(), "live X 1"); b.toRead != nil || b.next() != never {
		t.Errorf("reads %v and has work at %d, want none", b.toRead, b.next())
	}
	want(t, "an answer to nothing", describe(b.lastPrices([]string{"X"}, []hub.BroadcastEvent{again(from("other", "X", 99, 1, "9"))}, false, b.now)), "")
	if got := b.count(); got.Instruments != 0 || got.Stale != 1 || got.Remote != 4 {
		t.Errorf("counted %+v, want Instruments 0, Stale 1, Remote 4", got)
	}
}

func TestWithoutOthersNothingIsOffered(t *testing.T) {
	b := newBox(t, false)
	b.local("X", "1")
	want(t, "a joiner", b.join("X", "Y"), "warm X 1!; absent Y no Y")
	b.link(everyone)
	if got := b.offered(); got != "" || b.toRead != nil {
		t.Errorf("offers %q and reads %v, want nothing", got, b.toRead)
	}
}

func TestPublishAllocatesNothing(t *testing.T) {
	for _, members := range []bool{false, true} {
		b := newBox(t, false)
		events := make([]hub.BroadcastEvent, 20)
		fill := func() {
			for i := range events {
				events[i] = hub.BroadcastEvent{Room: rooms500[i], Payload: payload}
			}
		}
		fill()
		b.publish("p", events, b.now)
		if members {
			b.watch(rooms500[:20], hub.Wants{Status: true}, b.now)
		}
		if got := testing.AllocsPerRun(100, func() { fill(); b.publish("p", events, b.now) }); got != 0 {
			t.Errorf("a batch of 20 with members %t makes %v allocations, want none", members, got)
		}
	}
}
