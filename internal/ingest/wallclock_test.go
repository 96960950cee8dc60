package ingest

import (
	"strings"
	"testing"
	"time"

	"backbone/internal/hub"
)

// steps are what may be done to a wall clock while something lasts.
var steps = map[string]func(*box){
	"untouched":        func(*box) {},
	"back":             func(b *box) { b.setWall(-time.Hour) },
	"forward":          func(b *box) { b.setWall(time.Hour) },
	"forward and back": func(b *box) { b.setWall(time.Hour); b.publish("p", prices("other", "1"), b.now); b.setWall(-time.Hour) },
	"before 1970":      func(b *box) { b.now.UnixMS = -1 },
}

// What lasts a time lasts it, whatever the wall clock is set to meanwhile.
func TestNothingLastsByTheWallClock(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		what string
		life time.Duration
		set  func(*box)
		ends func(*box) bool // it has no effect on what it looks at
	}{
		{"a feed that says nothing", testTTL, func(b *box) {
			b.local("X", "1")
			b.watch([]string{"X"}, hub.Wants{Status: true}, b.now)
		}, func(b *box) bool { return strings.Contains(b.settle(), "silent=true") }},
		{"a feed that says nothing for a member's own time", 2 * time.Second, func(b *box) {
			b.local("X", "1")
			b.watch([]string{"X"}, hub.Wants{Status: true, Group: 2000}, b.now)
		}, func(b *box) bool { return strings.Contains(b.settle(), "silent=true") }},
		{"the feed of a room without a value", testTTL, func(b *box) {
			b.watch([]string{"X"}, hub.Wants{Status: true}, b.now)
		}, func(b *box) bool { return strings.Contains(b.settle(), "silent=true") }},
		{"a local value", testTTL, func(b *box) {
			b.local("X", "1")
		}, func(b *box) bool { return !b.table.find("X").value.alive(b.now, testTTL) }},
		{"a value of another instance", testTTL - 5*time.Second, func(b *box) {
			e := from("a", "X", 1, 1, "1")
			e.Born = b.now.Steady - 5*time.Second
			b.take(e)
		}, func(b *box) bool { return !b.table.find("X").value.alive(b.now, testTTL) }},
		{"a value that was read", testTTL - 5*time.Second, func(b *box) {
			b.link(everyone)
			b.join("X")
			e := again(from("a", "X", 1, 1, "1"))
			e.Born = b.now.Steady - 5*time.Second
			b.answer(e)
		}, func(b *box) bool { return !b.table.find("X").value.alive(b.now, testTTL) }},
		{"the wait until a failed read is made again", rereadDelay * 3 / 4, func(b *box) {
			b.link(everyone)
			b.join("X")
			b.answerAs(true)
		}, func(b *box) bool { b.settle(); return len(b.nextReads()) > 0 }},
		{"the wait for an offer", maxOfferDelay / 2, func(b *box) {
			b.local("X", "1")
			b.offered()
			request := from("a", "X", -1000, 0, "{}")
			request.Kind = hub.Resync
			b.take(request)
		}, func(b *box) bool { b.settle(); return b.stats.Reoffered > 0 }},
		{"a log line about another clock", skewQuiet, func(b *box) {
			b.observe(wall(b.now)+uint64(2*time.Hour.Milliseconds())<<16, b.now)
		}, func(b *box) bool {
			b.observe(wall(b.now)+uint64(2*time.Hour.Milliseconds())<<16, b.now)
			again := strings.Count(b.log.String(), "clock_skew") > 1
			b.clock.quiet = min(b.clock.quiet, epoch.Steady+skewQuiet) // as if it had not been seen again
			return again
		}},
	} {
		for step, set := range steps {
			t.Run(c.what+"/"+step, func(t *testing.T) {
				b := newBox(t, true)
				c.set(b)
				b.wait(c.life / 2)
				set(b)
				b.wait(c.life - c.life/2 - ms)
				if c.ends(b) {
					t.Fatalf("it ended before %v", c.life)
				}
				b.wait(ms)
				if !c.ends(b) {
					t.Fatalf("it did not end after %v", c.life)
				}
			})
		}
	}
}

// A room is forgotten after ten times the TTL at least and twenty times at most.
func TestRoomsAreForgottenByTheSteadyClock(t *testing.T) {
	for step, set := range steps {
		t.Run(step, func(t *testing.T) {
			b := newBox(t, false)
			b.local("X", "1")
			b.wait(time.Second)
			set(b)
			for range 9 {
				b.local("Y", "1")
				b.settle()
				b.wait(testTTL)
			}
			if b.table.has("X") == "nowhere" {
				t.Fatal("the room is forgotten before ten times the TTL")
			}
			for range 12 {
				b.local("Y", "1")
				b.settle()
				b.wait(testTTL)
			}
			if b.table.has("X") != "nowhere" {
				t.Fatal("the room is known for more than twenty times the TTL")
			}
		})
	}
}

// The numbers of events begin again after a time without one, where there is no table.
func TestCountsAreForgottenByTheSteadyClock(t *testing.T) {
	for step, set := range steps {
		t.Run(step, func(t *testing.T) {
			b := newBox(t, false, func(o *Options) { o.TTL = 0 })
			b.local("X", "1")
			set(b)
			b.wait(countPeriod - time.Second)
			if got := b.local("X", "2").Seq; got != 2 {
				t.Errorf("the number is %d after less than a period, want 2", got)
			}
			b.wait(3 * countPeriod)
			b.local("Y", "1")
			b.wait(countPeriod)
			if got := b.local("X", "3").Seq; got != 1 {
				t.Errorf("the number is %d after three periods, want 1", got)
			}
		})
	}
}

// Versions grow over a clock that is set back, here and against those of another instance.
func TestVersionsGrowOverAClockThatIsSet(t *testing.T) {
	for step, set := range steps {
		t.Run(step, func(t *testing.T) {
			b := newBox(t, true)
			b.join("X")
			before := b.local("X", "1")
			other := from("a", "X", 1, 1, "2")
			want(t, "from another instance", b.take(other), "live X 2")
			set(b)
			after := b.local("X", "3")
			if after.Version.Compare(before.Version) <= 0 || after.Version.Compare(other.Version) <= 0 {
				t.Errorf("the version after the step is %v, before it was %v and %v", after.Version, before.Version, other.Version)
			}
			if b.local("X", "4").Version.Compare(after.Version) <= 0 {
				t.Error("the next version is not newer")
			}
			if want := b.now.UnixMS; after.At != want {
				t.Errorf("taken in at %d, want what the clock says then, %d", after.At, want)
			}
		})
	}
}

// The clock of another instance is set forward, and back again. This one's prices, and those of
// a third, are heard all the time.
func TestAnotherInstancesStepSilencesNobody(t *testing.T) {
	b := newBox(t, true)
	b.join("X")
	want(t, "before", b.take(from("a", "X", 1, 1, "a1")), "live X a1")
	want(t, "set forward", b.take(from("a", "X", 3_600_000, 2, "a2")), "live X a2")
	want(t, "this one's own", describe([]hub.BroadcastEvent{b.local("X", "own")}), "live X own")
	back := from("a", "X", 2, 3, "a3") // it never gives a version that is not past its last one
	back.Version.Clock = b.clock.last + 1
	want(t, "set back", b.take(back), "live X a3")
	want(t, "this one's own", describe([]hub.BroadcastEvent{b.local("X", "own")}), "live X own")
}

// The time since which a feed is silent is told by the wall clock as it is then.
func TestSilenceIsToldInTheTimeOfNow(t *testing.T) {
	b := newBox(t, false)
	b.local("X", "1")
	b.watch([]string{"X"}, hub.Wants{Status: true}, b.now)
	b.setWall(-time.Hour)
	b.wait(testTTL)
	want(t, "told", b.settle(), "status X X silent=true since=-3600000")
}
