package ingest

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"backbone/internal/hub"
	"backbone/internal/moment"
)

func TestClockIsPastEverythingItGaveOrSaw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c clock
		log := testOptions("me", false).Logger
		now, highest := epoch, uint64(0)
		t.Repeat(map[string]func(*rapid.T){
			"time passes": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(0, 5).Draw(t, "ms")) * time.Millisecond)
			},
			"wall clock goes back": func(t *rapid.T) {
				now.UnixMS -= rapid.Int64Range(0, 3_600_000).Draw(t, "ms")
			},
			"see": func(t *rapid.T) {
				seen := uint64(int64(wall(now)) + rapid.Int64Range(-1<<24, 1<<24).Draw(t, "ahead"))
				c.observe(seen, now, log)
				highest = max(highest, seen)
			},
			"stamp": func(t *rapid.T) {
				stamp := c.next(now)
				if stamp <= highest {
					t.Fatalf("stamp %x is not past %x", stamp, highest)
				}
				if stamp < wall(now) {
					t.Fatalf("stamp %x is behind the wall clock %x", stamp, wall(now))
				}
				highest = stamp
			},
		})
	})
}

func TestClockCounterCarries(t *testing.T) {
	c := clock{last: wall(epoch) | 0xffff}
	got, next := c.next(epoch), wall(epoch.Add(time.Millisecond))
	if got != next {
		t.Errorf("the stamp after 65,536 in a millisecond is %x, want the next millisecond %x", got, next)
	}
}

func TestClockBeforeTheEpochOfUnix(t *testing.T) {
	var c clock
	if got := c.next(moment.Time{UnixMS: -5}); got != 1 {
		t.Errorf("the first stamp before 1970 is %x, want 1", got)
	}
}

func TestClockSkewIsCountedAndLoggedOnce(t *testing.T) {
	b := newBox(t, true)
	ahead := func() uint64 { return wall(b.now.Add(maxSkew + time.Second)) }
	b.observe(wall(b.now.Add(maxSkew)), b.now)
	if b.count().ClockSkew != 0 {
		t.Errorf("a clock ahead by no more than %v was counted", maxSkew)
	}
	for range 100 { // one instance is ahead, another is not
		b.observe(ahead(), b.now)
		b.observe(wall(b.now), b.now)
		b.wait(time.Second)
	}
	if got := b.count().ClockSkew; got != 100 {
		t.Errorf("%d versions ahead were counted, want 100", got)
	}
	if got := strings.Count(b.log.String(), "clock_skew"); got != 1 {
		t.Errorf("lasting skew made %d log lines, want 1", got)
	}
	if !strings.Contains(b.log.String(), "ahead_ms=6000") {
		t.Errorf("the log does not say how far ahead: %s", b.log)
	}
	b.wait(skewQuiet)
	b.observe(ahead(), b.now)
	if got := strings.Count(b.log.String(), "clock_skew"); got != 2 {
		t.Errorf("skew that began again made %d log lines in all, want 2", got)
	}
}

func TestVersionOrdersAsItsText(t *testing.T) {
	sign := func(n int) int { return min(1, max(-1, n)) }
	version := rapid.Custom(func(t *rapid.T) hub.Version {
		return hub.Version{
			Clock:    rapid.OneOf(rapid.Uint64(), rapid.Uint64Range(0, 3), rapid.Just(wall(epoch))).Draw(t, "clock"),
			Instance: rapid.StringMatching(`[A-Za-z0-9_.-]{1,4}`).Draw(t, "origin"),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		v, w := version.Draw(t, "v"), version.Draw(t, "w")
		if got, want := sign(v.Compare(w)), strings.Compare(v.String(), w.String()); got != want {
			t.Fatalf("Compare(%v, %v) is %d, their texts compare as %d", v, w, got, want)
		}
	})
}

func TestClockFollowsOtherInstances(t *testing.T) {
	at := wall(epoch.Add(time.Hour))
	seen := hub.Version{Clock: at, Instance: "other"}
	for name, see := range map[string]func(*box){
		"heartbeat": func(b *box) { b.observe(at, b.now) },
		"event": func(b *box) {
			b.take(hub.BroadcastEvent{Room: "X", Payload: "p", Version: seen, Born: b.now.Steady})
		},
		"stale event": func(b *box) {
			b.local("Y", "p")
			b.take(again(hub.BroadcastEvent{Room: "X", Payload: "p", Version: seen}))
		},
		"resync": func(b *box) { b.take(hub.BroadcastEvent{Room: "X", Kind: hub.Resync, Version: seen}) },
		"last price": func(b *box) {
			b.link(everyone)
			b.join("X")
			b.answer(again(hub.BroadcastEvent{Room: "X", Payload: "p", Version: seen, Born: b.now.Steady}))
		},
		"without a table": func(b *box) {
			b.opts.TTL, b.table = 0, nil
			b.take(hub.BroadcastEvent{Room: "X", Payload: "p", Version: seen})
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t, true)
			see(b)
			if got := b.local("X", "q").Version; got.Compare(seen) <= 0 {
				t.Errorf("the next local version is %v, want it past %v", got, seen)
			}
		})
	}
}

func TestClockFollowsNoNonsense(t *testing.T) {
	b := newBox(t, true)
	b.observe(maxForeign+1, b.now)
	b.take(from("a", "Y", 0, 1, "p"), hub.BroadcastEvent{Room: "X", Payload: "p", Version: hub.Version{Clock: 1<<63 - 1, Instance: "a"}})
	if got, limit := b.local("Z", "q").Version.Clock, wall(b.now.Add(time.Second)); got > limit {
		t.Errorf("the next local version has clock %x, want it near the time, %x", got, limit)
	}
	if got := b.count().ClockSkew; got != 2 || strings.Count(b.log.String(), "not followed") != 1 {
		t.Errorf("%d counted, logged %s; want 2, and one line", got, b.log)
	}
	b.observe(maxForeign, b.now)
	if got := b.local("Z", "q").Version.Clock; got != maxForeign+1 {
		t.Errorf("behind the newest clock that is followed comes %x", got)
	}
}
