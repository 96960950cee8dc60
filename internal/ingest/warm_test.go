package ingest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"backbone/internal/hub"
)

func TestWarmFromMemory(t *testing.T) {
	b := newBox(t, true) // not linked yet: nothing can be read
	want(t, "unknown", b.join("X"), "absent X no X")
	b.local("X", "1")
	want(t, "known", b.join("X", "Y"), "warm X 1!; absent Y no Y")
	b.take(from("a", "Y", 1, 1, "2"))
	want(t, "known from elsewhere", b.join("Y"), "warm Y 2!")
	b.wait(testTTL - 1)
	want(t, "just before the TTL", b.join("X"), "warm X 1!")
	b.wait(1)
	want(t, "at the TTL", b.join("X"), "absent X no X")
	b.local("X", "3")
	want(t, "known anew", b.join("X"), "warm X 3!")
	if len(b.toRead) > 0 {
		t.Errorf("reads %v, want none", b.toRead)
	}
}

func TestTTLCountsFromIngestion(t *testing.T) {
	b := newBox(t, true)
	b.wait(20 * time.Second)
	b.take(from("a", "X", 0, 1, "20 s old"))
	want(t, "10 s later", b.join("X"), "warm X 20 s old!")
	b.wait(10 * time.Second)
	b.take(again(from("a", "X", 0, 1, "20 s old"))) // the same value again extends nothing
	want(t, "past its time", b.join("X"), "absent X no X")
}

func TestWarmAfterARead(t *testing.T) {
	stored := func() hub.BroadcastEvent {
		e := again(from("a", "X", 5, 0, "stored"))
		return e
	}
	for _, test := range []struct {
		name   string
		before func(*box)
		failed bool
		found  []hub.BroadcastEvent
		want   string
	}{
		{"unknown here, found", nil, false, []hub.BroadcastEvent{stored()}, "recovered X stored!"},
		{"unknown here, nothing found", nil, false, nil, "absent X no X"},
		{"unknown here, failed", nil, true, nil, "absent X no X"},
		{"known, found newer", func(b *box) { b.take(from("a", "X", 4, 1, "mem")) }, false, []hub.BroadcastEvent{stored()}, "recovered X stored!"},
		{"known, found the same", func(b *box) { b.take(from("a", "X", 5, 1, "mem")) }, false, []hub.BroadcastEvent{stored()}, "warm X mem!"},
		{"known, found older", func(b *box) { b.take(from("a", "X", 6, 1, "mem")) }, false, []hub.BroadcastEvent{stored()}, "warm X mem!"},
		{"known, nothing found", func(b *box) { b.take(from("a", "X", 6, 1, "mem")) }, false, nil, "warm X mem!"},
		{"known, failed", func(b *box) { b.take(from("a", "X", 6, 1, "mem")) }, true, nil, "warm X mem!"},
		{"found past its TTL", nil, false, []hub.BroadcastEvent{again(from("a", "X", 5-testTTL.Milliseconds(), 0, "old"))}, "absent X no X"},
		{"another room found, too", nil, false, []hub.BroadcastEvent{again(from("a", "Z", 5, 0, "z")), stored()}, "recovered X stored!"},
		{"another room found", nil, false, []hub.BroadcastEvent{again(from("a", "Z", 5, 0, "z"))}, "absent X no X"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBox(t, true)
			if test.before != nil {
				test.before(b) // known from before the link
			}
			b.link(everyone)
			b.wait(5 * time.Millisecond)
			for range 3 {
				want(t, "joining", b.join("X"), "")
			}
			if !slices.Equal(b.toRead, []string{"X"}) {
				t.Fatalf("reads %v, want one of X", b.toRead)
			}
			want(t, "answered", b.answerAs(test.failed, test.found...), test.want)
			joiner := test.want
			if joiner == "recovered X stored!" {
				joiner = "warm X stored!"
			}
			if test.failed {
				want(t, "joining after a failure", b.join("X"), "")
				return
			}
			want(t, "joining afterwards", b.join("X"), joiner)
			if len(b.toRead) > 0 {
				t.Errorf("reads %v again, want none", b.toRead)
			}
		})
	}
}

// Some rooms have no members any more when the answer comes.
func TestOneReadIsOfManyRooms(t *testing.T) {
	b := newBox(t, true)
	b.link(everyone)
	b.join("LEFT", "X", "Y")
	b.unwatch([]string{"LEFT"}, nil)
	found := []hub.BroadcastEvent{again(from("a", "LEFT", 5, 0, "l")), again(from("a", "X", 5, 0, "x"))}
	b.wait(time.Second)
	want(t, "answered", describe(b.lastPrices([]string{"NEVER", "LEFT", "X", "Y"}, found, false, b.now)), "recovered X x!; absent Y no Y")
}

func TestWithoutATableThereAreNoLastValues(t *testing.T) {
	b := newBox(t, true, func(o *Options) { o.TTL = 0 })
	b.local("X", "1")
	want(t, "joining", b.join("X", "Y"), "absent X no X; absent Y no Y")
}

// What was heard since the last link is current as far as anyone knows: a joiner does
// not wait. But an event proves nothing, so it is read nevertheless.
func TestWarmAtOnceAndReadBehind(t *testing.T) {
	for name, event := range map[string]func(*box){
		"local":  func(b *box) { b.local("X", "mem") },
		"remote": func(b *box) { b.take(from("a", "X", 0, 1, "mem")) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t, true)
			b.link(everyone)
			event(b)
			want(t, "joining", b.join("X"), "warm X mem!")
			want(t, "a newer one that was missed", b.answer(again(from("z", "X", 1, 0, "missed"))), "recovered X missed!")
			want(t, "joining later", b.join("X"), "warm X missed!")
			b.link(everyone)
			if !slices.Equal(b.toRead, []string{"X"}) {
				t.Errorf("reads %v after a new link, want X", b.toRead)
			}
			want(t, "joining now", b.join("X"), "")
			event(b)
			want(t, "joining after one more event", b.join("X"), map[string]string{"local": "warm X mem!", "remote": ""}[name])
		})
	}
	t.Run("past its TTL", func(t *testing.T) {
		b := newBox(t, true)
		b.link(everyone)
		b.local("X", "mem")
		b.wait(testTTL)
		want(t, "joining", b.join("X"), "")
		want(t, "found nothing", b.answer(), "absent X no X")
	})
	t.Run("answered from memory, no second answer", func(t *testing.T) {
		b := newBox(t, true)
		b.link(everyone)
		b.local("X", "mem")
		want(t, "joining", b.join("X"), "warm X mem!")
		want(t, "found nothing", b.answer(), "")
	})
}

func TestAnEventWhileAReadIsUnderWay(t *testing.T) {
	b := newBox(t, true)
	b.link(everyone)
	b.join("X")
	b.local("X", "live")
	want(t, "an older one found", b.answer(again(from("a", "X", -9, 0, "old"))), "warm X live!")
	b.unwatch([]string{"X"}, nil)
	want(t, "joining again", b.join("X"), "warm X live!")
}

func TestAReadOutlivesItsJoiner(t *testing.T) {
	for name, known := range map[string]bool{"unknown room": false, "known room": true} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t, true)
			if known {
				b.local("X", "mem")
			}
			b.link(everyone)
			b.join("X")
			b.unwatch([]string{"X"}, nil)
			want(t, "joining again", b.join("X"), "")
			if !slices.Equal(b.toRead, []string{"X"}) {
				t.Errorf("reads %v, want X once", b.toRead)
			}
			want(t, "answered", b.answer(again(from("a", "X", 1, 0, "stored"))), "recovered X stored!")
			b.unwatch([]string{"X"}, nil)

			b.link(everyone)
			b.join("X")
			b.unwatch([]string{"X"}, nil)
			want(t, "answered to nobody", b.answer(), "")
			want(t, "joining after that", b.join("X"), "")
			want(t, "answered", b.answer(), "warm X stored!")
		})
	}
}

func TestLinkedAnewWhileAReadIsUnderWay(t *testing.T) {
	b := newBox(t, true)
	b.local("X", "mem")
	b.link(everyone)
	b.join("X")
	rooms := b.nextReads()
	b.readsSent()
	b.link(everyone)
	if len(b.toRead) > 0 {
		t.Fatalf("reads %v while one is under way, want none", b.toRead)
	}
	// The joiner has waited for one read; it does not wait for another.
	want(t, "answered of before", describe(b.lastPrices(rooms, nil, false, b.now)), "warm X mem!")
	if !slices.Equal(b.toRead, []string{"X"}) {
		t.Fatalf("reads %v, want X again", b.toRead)
	}
	want(t, "answered of now", b.answer(again(from("a", "X", 1, 0, "missed"))), "recovered X missed!")
	if len(b.toRead) > 0 {
		t.Errorf("reads %v, want none", b.toRead)
	}
}

func TestAFailedReadIsRepeatedWhileThereAreMembers(t *testing.T) {
	b := newBox(t, true)
	b.local("X", "mem")
	b.join("X", "Y")
	b.link(everyone)
	want(t, "failed", b.answerAs(true), "")
	if len(b.toRead) > 0 {
		t.Fatalf("reads %v at once, want a pause", b.toRead)
	}
	b.unwatch([]string{"Y"}, nil)
	b.wait(rereadDelay)
	b.settle()
	if !slices.Equal(b.toRead, []string{"X"}) {
		t.Fatalf("reads %v, want X again", b.toRead)
	}
	want(t, "failed again", b.answerAs(true), "")
	want(t, "joining meanwhile", b.join("X"), "")
	want(t, "failed a third time", b.answerAs(true), "warm X mem!")
	b.wait(rereadDelay)
	b.settle()
	want(t, "found", b.answer(again(from("a", "X", 1, 0, "missed"))), "recovered X missed!")
	b.wait(rereadDelay)
	if b.settle(); len(b.toRead) > 0 {
		t.Errorf("reads %v, want none", b.toRead)
	}
}

func TestTenThousandJoinersAreOneReadAndOneAnswer(t *testing.T) {
	b := newBox(t, true)
	b.link(everyone)
	for range 10_000 {
		b.join("X")
	}
	if !slices.Equal(b.toRead, []string{"X"}) {
		t.Errorf("reads %v, want X once", b.toRead)
	}
	want(t, "answered", b.answer(again(from("a", "X", 1, 0, "stored"))), "recovered X stored!")
	if len(b.toRead) > 0 {
		t.Errorf("reads %v again, want none", b.toRead)
	}
}

func TestReadsAreBoundedEach(t *testing.T) {
	b := newBox(t, true)
	b.beginGeneration(everyone)
	b.watch(roomNames(2*maxReads+1), hub.Wants{}, b.now)
	var sizes []int
	for len(b.toRead) > 0 {
		sizes = append(sizes, len(b.nextReads()))
		b.answer()
	}
	if want := []int{maxReads, maxReads, 1}; !slices.Equal(sizes, want) {
		t.Errorf("asked for %v rooms at a time, want %v", sizes, want)
	}
	if len(b.reads) > 0 {
		t.Errorf("%d questions are open, want none", len(b.reads))
	}
}

func TestReadsHandedOverAreNotWrittenTo(t *testing.T) {
	b := newBox(t, true)
	b.beginGeneration(everyone)
	b.join("X")
	rooms := b.nextReads()
	b.readsSent()
	b.join("Y")
	if !slices.Equal(rooms, []string{"X"}) || !slices.Equal(b.toRead, []string{"Y"}) {
		t.Errorf("handed over %v, keeps %v; want X, and Y", rooms, b.toRead)
	}
}

func TestFeedStatusOfJoiners(t *testing.T) {
	b := newBox(t, true)
	b.local("X", "p")
	b.wait(testTTL)
	status := func(rooms ...string) string {
		return describe(b.watch(rooms, hub.Wants{Absent: true, Status: true}, b.now))
	}
	want(t, "silent and fresh", status("X", "Y"), "absent X no X; status-now X X silent=true since=0; absent Y no Y")
	want(t, "of those who did not ask", b.join("X"), "absent X no X")
	b.local("Y", "q")
	b.wait(testTTL / 2)
	pass, _ := b.publish("p", []hub.BroadcastEvent{{Room: "X", Payload: "r"}}, b.now)
	want(t, "live again", describe(pass), fmt.Sprintf("live X r; status X X silent=false since=%d", 45_000))
	b.wait(testTTL / 2)
	want(t, "the other silent", b.settle(), "status Y Y silent=true since=30000")
	b.unwatch([]string{"X", "X", "Y"}, nil)
	b.wait(testTTL)
	if got := b.settle(); got != "" || b.next() != never {
		t.Errorf("told %q and has work at %d, want nothing without members", got, b.next())
	}
}

// Each member is told by its own threshold that a feed falls silent and that it is live again,
// each change once. There is one task for a room, whatever its members chose.
func TestFeedStatusByThresholds(t *testing.T) {
	type member struct {
		room   string
		group  uint32
		silent bool // by what it was told
	}
	rapid.Check(t, func(t *rapid.T) {
		b := &box{core: newCore(testOptions("me", false), epoch), now: epoch}
		var members []*member
		live := map[string]time.Duration{}
		after := func(m *member) time.Duration {
			if m.group == 0 {
				return testTTL
			}
			return time.Duration(m.group) * time.Millisecond
		}
		hear := func(pass []hub.BroadcastEvent, joiner *member) {
			for _, e := range pass {
				if e.Kind != hub.Status && e.Kind != hub.StatusNow {
					continue
				}
				for _, m := range members {
					if m.room != e.Room || m.group != e.Group || e.Kind == hub.StatusNow && m != joiner {
						continue
					}
					silent := strings.Contains(e.Payload, "silent=true")
					if silent == m.silent {
						t.Fatalf("%+v is told again that the feed's silence is %t", m, silent)
					}
					m.silent = silent
				}
			}
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			room := rapid.SampledFrom([]string{"X", "Y"}).Draw(t, "room")
			switch rapid.IntRange(0, 4).Draw(t, "what") {
			case 0:
				m := &member{room: room, group: rapid.SampledFrom([]uint32{0, 100, 200, 300, 1000, 30_000, 90_000}).Draw(t, "group")}
				if b.table.find(room) == nil {
					live[room] = b.now.Steady
				}
				pass := b.watch([]string{room}, hub.Wants{Status: true, Group: m.group}, b.now)
				members = append(members, m)
				hear(pass, m)
			case 1:
				if len(members) > 0 {
					i := rapid.IntRange(0, len(members)-1).Draw(t, "member")
					m := members[i]
					members = slices.Delete(members, i, i+1)
					b.unwatch([]string{m.room}, map[string]uint32{m.room: m.group})
				}
			case 2:
				pass, _ := b.publish("p", []hub.BroadcastEvent{{Room: room, Payload: "p"}}, b.now)
				live[room] = b.now.Steady
				hear(pass, nil)
			default:
				b.wait(time.Duration(rapid.SampledFrom([]int{50, 150, 400, 1600, 29_000, 60_000}).Draw(t, "ms")) * time.Millisecond)
			}
			if rapid.Bool().Draw(t, "busy") {
				continue // the tasks come later
			}
			for next := b.next(); next <= b.now.Steady; next = b.next() {
				hear(b.tasks(b.now), nil)
			}
			if n := b.agenda.Len(); n > 2 {
				t.Fatalf("%d tasks for 2 rooms", n)
			}
			for _, m := range members {
				if want := b.now.Since(live[m.room]) >= after(m); m.silent != want {
					t.Fatalf("%+v after %v: silent is %t", m, b.now.Since(live[m.room]), m.silent)
				}
			}
		}
		for _, m := range members {
			b.unwatch([]string{m.room}, map[string]uint32{m.room: m.group})
		}
		if b.agenda.next() != never {
			t.Fatal("there is work for rooms without members")
		}
	})
}
