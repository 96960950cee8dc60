package ingest

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"backbone/internal/hub"
	"backbone/internal/moment"
)

// anEdge makes the options those of an edge whose values live long.
func anEdge(o *Options) {
	o.Reads, o.Leaves, o.Linger, o.TTL = make(chan []string), make(chan []string), time.Minute, time.Hour
}

func newEdge(t *testing.T) *box {
	t.Helper()
	b := newBox(t, false, anEdge)
	b.link(everyone)
	return b
}

// leave counts a member out, as step does.
func (b *box) leave(rooms ...string) {
	b.linger(rooms, b.now)
	b.unwatch(rooms, nil)
}

// left does the work that is due, and takes the rooms to be left.
func (b *box) left() string {
	b.settle()
	defer b.leavesSent()
	return strings.Join(b.nextLeaves(), " ")
}

// upstream passes a snapshot on and answers the read of its room.
func (b *box) upstream(room string, seq uint64, payload string) string {
	b.t.Helper()
	e := again(from("A", room, (b.now.Steady - epoch.Steady).Milliseconds(), seq, payload))
	return b.take(e) + b.answer()
}

func TestARoomIsLeftWhenNobodyWasInItForLong(t *testing.T) {
	b := newEdge(t)
	want(t, "a join", b.join("X"), "")
	want(t, "the answer", b.upstream("X", 1, "a1"), "recovered X a1!warm X a1!")
	b.leave("X")
	b.wait(time.Minute - 1)
	want(t, "before its time", b.left(), "")
	want(t, "who comes back soon", b.join("X"), "warm X a1!")
	b.wait(time.Hour - time.Minute)
	want(t, "left with a member", b.left(), "")
	b.leave("X")
	b.wait(30 * time.Second)
	b.join("X")
	b.leave("X")
	b.wait(time.Minute - 1)
	want(t, "before its time", b.left(), "")
	b.wait(1)
	want(t, "in time", b.left(), "X")
	b.wait(time.Hour)
	if got := b.left(); got != "" || b.next() != never || len(b.toRead) > 0 {
		t.Errorf("%q was left once more, next %v, reads %v", got, b.next(), b.toRead)
	}
	if b.table.known != 0 || b.table.find("X") != nil {
		t.Errorf("%d values are known of a room that nobody hears", b.table.known)
	}
}

// What was known of a room before it was left is nothing to start with when it is joined anew, and
// what was under way then is not either.
func TestALeftRoomIsNew(t *testing.T) {
	b := newEdge(t)
	b.join("X")
	b.upstream("X", 1, "a1")
	b.leave("X")
	b.wait(time.Minute)
	want(t, "to be left", b.left(), "X")
	want(t, "a price that was under way", b.take(from("A", "X", 60_001, 2, "a2")), "")
	if s := b.count(); s.Instruments != 0 || s.Untracked != 1 {
		t.Errorf("counted %+v, want no instrument", s)
	}
	want(t, "a join", b.join("X"), "")
	want(t, "the answer", b.upstream("X", 9, "a9"), "recovered X a9!warm X a9!")
	b.leave("X")
	b.wait(time.Minute)
	b.settle()
	want(t, "a join before Run left the room", b.join("X"), "")
	if b.left() != "X" || len(b.nextReads()) != 1 {
		t.Error("the room must be left and read again")
	}
}

// A leave must not overtake a read of its room.
func TestARoomThatIsReadIsNotLeft(t *testing.T) {
	b := newEdge(t)
	b.join("X")
	b.leave("X")
	b.wait(10 * time.Minute)
	want(t, "while the read is under way", b.left(), "")
	b.answer()
	b.wait(leaveAgain - 1)
	want(t, "just after it", b.left(), "")
	b.wait(1)
	want(t, "then", b.left(), "X")
}

// Upstream says what is missing. Numbers say it too, but also of what nobody here was to get.
func TestAnEdgeIsToldWhatIsMissing(t *testing.T) {
	b := newEdge(t)
	b.join("X")
	b.upstream("X", 1, "a1")
	want(t, "a gap in numbers", b.take(from("A", "X", 1, 5, "a5")), "live X a5")
	e := from("A", "X", 2, 6, "a6")
	e.Missed = 7
	want(t, "a count", b.take(e), "live X a6 missed=7")
	e.Missed = 3
	want(t, "a count with an old price", b.take(e), "")
	want(t, "the price after it", b.take(from("A", "X", 3, 7, "a7")), "live X a7 missed=3")
}

// In a new generation an edge reads what it is in, lingering rooms too, and has nothing to offer.
func TestAnEdgeReadsInANewGeneration(t *testing.T) {
	b := newEdge(t)
	b.join("X", "Y", "Z")
	b.answer()
	b.leave("Y")
	b.local("W", "w")
	b.link(everyone)
	if got := b.nextReads(); !slices.Equal(slices.Sorted(slices.Values(got)), []string{"X", "Y", "Z"}) || b.out.Len() > 0 {
		t.Errorf("reads %v and offers %d events", got, b.out.Len())
	}
	b.answer()
	b.join("X")
	if got := b.nextReads(); len(got) > 0 {
		t.Errorf("%v is read again", got)
	}
}

// Run offers what is to be left before what is to be read.
func TestRunOffersLeavesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reads, leaves := make(chan []string), make(chan []string)
		o := testOptions("me", false)
		o.Reads, o.Leaves, o.Linger, o.Hub = reads, leaves, time.Minute, make(chan []hub.BroadcastEvent, 100)
		i := New(o)
		ctx, cancel := context.WithCancel(t.Context())
		go i.Run(ctx)
		i.FromBridge().Generation(ctx, everyone)
		i.Watch([]string{"X"}, hub.Wants{})
		if got := <-reads; !slices.Equal(got, []string{"X"}) {
			t.Errorf("to be read: %v", got)
		}
		i.FromBridge().LastPrices(ctx, []string{"X"}, nil, nil)
		begin := moment.Now()
		i.Unwatch([]string{"X"}, nil)
		time.Sleep(2 * time.Minute) // nobody receives
		i.Watch([]string{"X"}, hub.Wants{})
		synctest.Wait()
		select {
		case got := <-reads:
			t.Errorf("%v is to be read before it is left", got)
		case got := <-leaves:
			if !slices.Equal(got, []string{"X"}) || moment.Now().Since(begin.Steady) < time.Minute {
				t.Errorf("left: %v", got)
			}
		}
		if got := <-reads; !slices.Equal(got, []string{"X"}) {
			t.Errorf("to be read: %v", got)
		}
		cancel()
		<-i.done
	})
}
