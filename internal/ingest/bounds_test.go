package ingest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"backbone/internal/hub"
	"backbone/internal/partition"
)

// What is due at the same moment is done in the order in which it was asked for.
func TestTasksOfOneMomentKeepTheirOrder(t *testing.T) {
	b := newBox(t, false)
	var rooms, silent []string
	for i := range 20 {
		rooms = append(rooms, fmt.Sprint("R", i))
	}
	b.watch(slices.Clone(rooms), hub.Wants{Status: true}, b.now)
	b.wait(testTTL)
	for _, e := range b.tasks(b.now) {
		silent = append(silent, e.Room)
	}
	if !slices.Equal(silent, rooms) {
		t.Errorf("watched at once in the order %v, the feeds fell silent as %v", rooms, silent)
	}
}

// The outbox keeps the newest value of each room for four times its bound, not for more.
func TestTheOutboxKeepsTheNewestOfManyRooms(t *testing.T) {
	b := newBox(t, true, func(o *Options) { o.OutboxBytes = 40 * priceSize })
	for i := range 150 {
		b.local(fmt.Sprint("R", i), strings.Repeat("p", 72))
	}
	if n, left := b.out.Len(), b.out.LeftOut(); n != 150 || left.Dropped != 0 {
		t.Errorf("of 150 values %d wait, %d were dropped", n, left.Dropped)
	}
	for i := range 50 {
		b.local(fmt.Sprint("S", i), strings.Repeat("p", 72))
	}
	if s := b.count(); s.OutboxBytes > (4*40+1)*priceSize || s.OutboxDropped == 0 {
		t.Errorf("of 200 values, which are five times the bound, %d bytes wait, %d were dropped", s.OutboxBytes, s.OutboxDropped)
	}
}

// A live event that comes behind a read of its own value is not passed on, and is told with the
// next one, once.
func TestALiveEventBehindItsReadIsMissed(t *testing.T) {
	b := newBox(t, true)
	b.link(everyone)
	b.join("X")
	first, second, third := from("a", "X", 1, 1, "1"), from("a", "X", 2, 2, "2"), from("a", "X", 3, 3, "3")
	want(t, "the first", b.take(first), "live X 1")
	want(t, "the read of the second", b.answer(again(second)), "recovered X 2!")
	want(t, "the second", b.take(second), "")
	want(t, "the third", b.take(third), "live X 3 missed=1")
	if n := b.count().Lost; n != 0 {
		t.Errorf("%d events count as lost", n)
	}
}

// Beyond the most instruments, a room gets values of further types only while it has members.
func TestAFurtherTypeHasAPlaceOnlyForMembers(t *testing.T) {
	b := newBox(t, true, func(o *Options) { o.Types, o.MaxInstruments = []string{"", "book"}, 1 })
	book := from("a", "X", 2, 1, "book")
	book.Type = "book"
	b.take(from("a", "X", 1, 1, "price"))
	b.take(book)
	if s := b.count(); s.Untracked != 1 || s.Instruments != 1 {
		t.Errorf("without members: %d are kept, %d had no place", s.Instruments, s.Untracked)
	}
	b.join("X")
	want(t, "with a member", b.take(book), "live X book")
	if s := b.count(); s.Untracked != 1 || s.Instruments != 2 {
		t.Errorf("with a member: %d are kept, %d had no place", s.Instruments, s.Untracked)
	}
}

// Who lets a feed say nothing for a time of its own is told at the join that this time is over, also if
// it is the longest of all, from the moment on at which it is over.
func TestAFeedThatIsSilentAtTheJoinIsToldAtOnce(t *testing.T) {
	for _, step := range []struct {
		group  uint32
		silent bool
	}{{29_000, true}, {35_000, true}, {40_000, true}, {40_001, false}} {
		b := newBox(t, false)
		b.join("X")
		b.wait(40 * time.Second)
		b.settle()
		told := ""
		if step.silent {
			told = "status-now X X silent=true since=0"
		}
		want(t, fmt.Sprint(step.group), describe(b.watch([]string{"X"}, hub.Wants{Status: true, Group: step.group}, b.now)), told)
		b.wait(time.Second)
		if step.silent {
			told = ""
		} else {
			told = "status X X silent=true since=0"
		}
		want(t, fmt.Sprint(step.group, " later"), b.settle(), told)
	}
}

// A time of its own ends with the last member that has it.
func TestNobodyIsToldAfterATimeThatNobodyHas(t *testing.T) {
	b := newBox(t, false)
	wants := hub.Wants{Status: true, Group: 5000}
	b.watch([]string{"X"}, wants, b.now)
	b.watch([]string{"X"}, wants, b.now)
	b.watch([]string{"X"}, hub.Wants{Status: true}, b.now)
	leave := func() { b.unwatch([]string{"X"}, map[string]uint32{"X": wants.Group}) }
	leave()
	b.wait(5 * time.Second)
	want(t, "with one of two members", b.settle(), "status X X silent=true since=0")
	b.local("X", "1")
	leave()
	b.wait(10 * time.Second)
	want(t, "without a member", b.settle(), "")
	b.wait(testTTL)
	want(t, "after the time of all", b.settle(), "status X X silent=true since=5000")
}

// The bridge is offered nothing while there is nothing for it.
func TestAnIdleInstanceOffersNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := start(t, 1)
		synctest.Wait()
		select {
		case batch := <-i.outbox:
			t.Errorf("the bridge was offered %v", batch)
		case rooms := <-i.reads:
			t.Errorf("the bridge was asked to read %v", rooms)
		default:
		}
	})
}

func TestDelaysAreRandomUnlessTheyAreGiven(t *testing.T) {
	given := func(time.Duration) time.Duration { return 7 }
	if d := New(Options{Delay: given}).opts.Delay(time.Second); d != 7 {
		t.Errorf("instead of 7 ns a delay is %v", d)
	}
	random := New(Options{}).opts.Delay
	seen := map[time.Duration]bool{}
	for range 100 {
		d := random(time.Second)
		if seen[d] = true; d < 0 || d > time.Second {
			t.Errorf("a delay of up to 1 s is %v", d)
		}
	}
	if len(seen) < 10 {
		t.Errorf("100 delays have %d values", len(seen))
	}
}

// An instance of a build without lives that has forgotten a room may give the number again that was
// heard last. Nothing is missing then.
func TestTheSameNumberAgainIsNoLoss(t *testing.T) {
	b := newBox(t, true)
	b.link(everyone)
	b.join("X")
	b.answer()
	b.take(from("a", "X", 1, 1, "1"))
	want(t, "counted from 1 again", b.take(from("a", "X", 2, 1, "2")), "live X 2")
	if n := b.count().Lost; n != 0 {
		t.Errorf("%d events count as lost", n)
	}
}

// What others know already is not offered to them, and a value is not given once its time is over.
func TestWhatIsKnownOrOverIsNotGiven(t *testing.T) {
	b := newBox(t, true)
	b.link(everyone)
	e := from("a", "X", 0, 1, "1")
	b.take(e)
	b.offered()
	question := hub.BroadcastEvent{Room: "X", Kind: hub.Resync, Version: e.Version}
	b.take(question)
	b.wait(time.Second)
	b.settle()
	want(t, "asked for what is newer than the newest", b.offered(), "")

	b.wait(testTTL - time.Second)
	b.join("Y")
	old := again(from("a", "Y", 0, 1, "old"))
	want(t, "read at the end of its time", b.answer(old), "absent Y no Y")
}

// A generation of some partitions does not end what another one asks for in others.
func TestGenerationsOfSeveralPartitionsAreWorkedOff(t *testing.T) {
	b := newBox(t, true)
	b.local("X", "1")
	b.local("Y", "1")
	b.offered()
	x, y := partition.Of("X"), partition.Of("Y")
	if x == y {
		t.Fatal("X and Y are of one partition")
	}
	b.beginGeneration(partition.Only(x))
	b.beginGeneration(partition.Only(y))
	b.settle()
	if got := b.offered(); !strings.Contains(got, "recovered X 1") || !strings.Contains(got, "recovered Y 1") {
		t.Errorf("the bridge was offered %q", got)
	}
}
