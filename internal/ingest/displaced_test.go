package ingest

import (
	"fmt"
	"testing"
	"time"

	"backbone/internal/hub"
)

// gaveWay is a box with one room X, whose price was published here, that gave way to another
// producer's.
func gaveWay(t *testing.T) (*box, hub.BroadcastEvent) {
	t.Helper()
	b := limited(t, 4)
	b.link(everyone)
	b.wait(time.Second)
	newest := b.local("X", "newest")
	b.join("X")
	b.answer()
	b.unwatch([]string{"X"}, nil)
	b.flood("p", "F", 0, 3)
	b.wait(time.Second)
	if b.flood("good", "G", 0, 1) != 1 || b.table.has("X") != "nowhere" {
		t.Fatal("X did not give way")
	}
	return b, newest
}

// A member that the hub has, and that is not counted yet, got the newest price already. Redis does
// not have it yet.
func TestADisplacedRoomGoesNotBackForAMember(t *testing.T) {
	b, newest := gaveWay(t)
	want(t, "the same meanwhile", b.take(again(newest)), "")
	older := from("other", "X", 500, 1, "older")
	want(t, "an older one meanwhile", b.take(older), "")
	want(t, "counted", b.join("X"), "warm X newest!")
	want(t, "read", b.answer(again(older)), "")
	want(t, "an older one", b.take(from("other", "X", 600, 2, "old, too")), "")
	if e := b.local("X", "2"); e.Seq != 2 {
		t.Errorf("the next is number %d, want 2", e.Seq)
	}
	if got := b.count(); got.Instruments != 5 || got.Stale != 3 {
		t.Errorf("counted %+v, want X, two of F and G besides, and 3 stale", got)
	}
}

// What came meanwhile for a displaced room had no place, so a read is due again.
func TestADisplacedRoomIsReadWhenItIsBack(t *testing.T) {
	b, _ := gaveWay(t)
	want(t, "counted", b.join("X"), "warm X newest!")
	want(t, "read", b.answer(again(from("other", "X", 1500, 1, "newer"))), "recovered X newer!")
}

// What is newer and finds no place is what a displaced room comes back with.
func TestADisplacedRoomHearsWhatIsNewer(t *testing.T) {
	b, newest := gaveWay(t)
	newer := from("other", "X", 1500, 1, "newer")
	want(t, "a newer one meanwhile", b.take(newer), "")
	want(t, "the one before, again", b.take(again(newest)), "")
	if got := b.count(); got.Untracked != 1 || got.Stale != 1 {
		t.Errorf("counted %+v, want one without a place and one that is stale", got)
	}
	want(t, "counted", b.join("X"), "warm X newer!")
}

// Another instance offers what it knows, however old, to whoever asks. Members that hold something
// older are shown it; those that have nothing are greeted by no value past its life.
func TestAnOldValueGreetsNobody(t *testing.T) {
	b := newBox(t, true, func(*Options) {})
	b.link(everyone)
	b.wait(testTTL)
	offered := func(ms int64, n uint64, payload string) hub.BroadcastEvent {
		e := again(from("other", "X", ms, n, payload))
		e.Born = b.now.Steady - testTTL
		return e
	}
	b.join("X")
	b.answer()
	want(t, "offered to who has nothing", b.take(offered(1, 1, "old")), "")
	want(t, "offered to who has nothing but knows it", b.take(offered(1, 1, "old")), "")
	want(t, "offered to who knows an older one", b.take(offered(2, 2, "newer")), "recovered X newer!")
	want(t, "a tick", b.take(from("other", "X", 3, 3, "tick")), "live X tick")
}

func TestADisplacedRoomThatIsNewAgain(t *testing.T) {
	b, first := gaveWay(t)
	b.wait(testTTL)
	e := b.local("X", "again")
	if e.Seq != 1 || e.Life == first.Life {
		t.Errorf("it is counted as %d.%d after %d.%d", e.Life, e.Seq, first.Life, first.Seq)
	}
	b.rotateAll()
	want(t, "counted", b.join("X"), "warm X again!")
}

// The one that is new is the room then: a member gets its price, and it is known once.
func TestADisplacedRoomThatIsNewAgainSoon(t *testing.T) {
	b, first := gaveWay(t)
	pass, _ := b.publish("other", prices("X", "again"), b.now)
	if len(pass) != 1 || pass[0].Seq != 1 || pass[0].Life == first.Life {
		t.Errorf("it is passed on as %v after %v", pass, first)
	}
	want(t, "counted", b.join("X"), "warm X again!")
	if got := b.count(); got.Instruments != 4 {
		t.Errorf("%d instruments are known in 4 places", got.Instruments)
	}
}

func TestADisplacedRoomIsForgottenSoon(t *testing.T) {
	b, _ := gaveWay(t)
	b.wait(asideFor)
	b.flood("good", "G", 0, 1)
	if len(b.table.aside) != 0 || len(b.table.queue) != 0 {
		t.Errorf("%d are kept aside, %d queued", len(b.table.aside), len(b.table.queue))
	}
	want(t, "a member", b.join("X"), "")
}

func TestDisplacedRoomsAreBounded(t *testing.T) {
	b := limited(t, 2*asideMost+10)
	b.flood("flood", "F", 0, 2*asideMost+10)
	b.flood("good", "G", 0, asideMost+5)
	if len(b.table.aside) != asideMost || len(b.table.queue) != asideMost {
		t.Errorf("%d are kept aside, %d queued, want %d", len(b.table.aside), len(b.table.queue), asideMost)
	}
	b.wait(asideFor)
	for i := range asideMost/2 + 1 {
		b.publish("good", prices(fmt.Sprint("G", i), "2"), b.now)
		if got := len(b.table.queue); i == 0 && got != asideMost-2 {
			t.Errorf("%d are queued after a step, which may forget two of %d", got, asideMost)
		}
	}
	if len(b.table.aside) != 0 || len(b.table.queue) != 0 {
		t.Errorf("%d are kept aside, %d queued, want none", len(b.table.aside), len(b.table.queue))
	}
}

// The room of a new value does not give way to it: its other values would be forgotten.
func TestARoomDoesNotGiveWayToItself(t *testing.T) {
	b := limited(t, 4)
	b.flood("flood", "X", 0, 1)
	b.flood("flood", "F", 0, 3)
	pass, _ := b.publish("good", []hub.BroadcastEvent{{Room: "X0", Type: "book", Payload: "1"}}, b.now)
	want(t, "passed", describe(pass), "live X0 1")
	if r := b.table.find("X0"); !r.of("").known() || !r.of("book").known() || b.table.has("F0") != "nowhere" {
		t.Error("X0 lost a value, or F0 stayed")
	}
}

// A member that was there when a price was taken in elsewhere has missed it. It is shown the price
// however late the offer comes.
func TestAMemberIsShownWhatItMissedHoweverOld(t *testing.T) {
	b := newBox(t, true, func(*Options) {})
	b.link(everyone)
	b.join("X")
	b.answer()
	missed := again(from("other", "X", 1, 1, "missed"))
	missed.Born = b.now.Steady + time.Second
	b.wait(2 * testTTL)
	want(t, "offered to who was there", b.take(missed), "recovered X missed!")
}
