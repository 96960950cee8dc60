package ingest

import (
	"fmt"
	"testing"
	"time"
	"unsafe"

	"pgregory.net/rapid"

	"backbone/internal/hub"
)

func TestRemotePassesWhatIsNewer(t *testing.T) {
	b := newBox(t, true)
	b.join("X")
	want(t, "the first", b.take(from("a", "X", 10, 1, "1")), "live X 1")
	want(t, "newer", b.take(from("a", "X", 11, 2, "2")), "live X 2")
	want(t, "the same", b.take(again(from("a", "X", 11, 2, "2"))), "")
	want(t, "of the same clock and a higher origin", b.take(from("b", "X", 11, 1, "3")), "live X 3")
	want(t, "of the same clock and a lower origin", b.take(from("0", "X", 11, 1, "4")), "")
	want(t, "newer, with what was not passed", b.take(from("a", "X", 12, 3, "5")), "live X 5 missed=1")
	want(t, "recovered", b.take(again(from("c", "X", 13, 9, "6"))), "recovered X 6!")
	want(t, "recovered, older", b.take(again(from("c", "X", 12, 8, "7"))), "")
	want(t, "many", b.take(
		from("a", "X", 20, 4, "8"), from("a", "Y", 20, 1, "unheard"),
		hub.BroadcastEvent{Room: "lobby", Payload: "hi", Kind: hub.Message}, from("b", "X", 19, 2, "late"), from("a", "X", 21, 5, "9"),
	), "live X 8; message lobby hi; live X 9 missed=1")
	if got := b.count(); got.Remote != 13 || got.Stale != 4 || got.Lost != 0 {
		t.Errorf("counted %+v, want Remote 13, Stale 4, Lost 0", got)
	}
	if got := b.offered(); got != "" {
		t.Errorf("offers %q to others, who know it all; want nothing", got)
	}
}

// Between the hub's answer to a join and the member being counted in here, a local event
// reaches it: then it takes no warm start any more, and must hear what is newer.
func TestAMemberThatIsNotCountedInYetHearsWhatIsNewer(t *testing.T) {
	b := newBox(t, true)
	want(t, "nobody published here", b.take(from("a", "X", 10, 1, "1")), "")
	b.wait(20 * time.Millisecond)
	b.local("X", "2") // live to whoever the hub has
	want(t, "newer", b.take(from("a", "X", 30, 2, "3")), "live X 3")
	want(t, "older", b.take(from("a", "X", 10, 1, "1")), "")
	want(t, "recovered", b.take(again(from("a", "X", 40, 4, "4"))), "recovered X 4!")
	want(t, "counted in", b.join("X"), "warm X 4!")
}

func TestRemoteMarksSnapshotsOnTheWayOnly(t *testing.T) {
	b := newBox(t, true)
	b.join("X")
	want(t, "recovered", b.take(again(from("a", "X", 1, 1, "p"))), "recovered X p!")
	want(t, "a joiner", b.join("X"), "warm X p!")
}

// A live consumer's account: what it got and what it was told is missing.
func TestMissedByNumbers(t *testing.T) {
	a := func(n int64) hub.BroadcastEvent { return from("a", "X", n, uint64(n), fmt.Sprint("a", n)) }
	z := func(n int64) hub.BroadcastEvent { return from("z", "X", n, uint64(n), fmt.Sprint("z", n)) }
	for _, test := range []struct {
		name  string
		lost  uint64
		steps []any // events that come, a string: what must be passed on then; a func
	}{
		{"nothing lost", 0, []any{a(1), a(2), a(3), "live X a3"}},
		{"before the first nothing is known", 0, []any{a(7), "live X a7"}},
		{"a gap", 3, []any{a(1), a(5), "live X a5 missed=3", a(6), "live X a6"}},
		{"a gap before a recovered one, which is no tick", 4, []any{a(1), again(a(5)), "recovered X a5! missed=4", a(6), "live X a6"}},
		{"recovered and then live after all", 4, []any{a(1), again(a(5)), "recovered X a5! missed=4", a(4), "", a(5), "", a(6), "live X a6"}},
		{"offered again", 0, []any{a(1), again(a(1)), again(a(1)), "", a(2), "live X a2"}},
		{"offered again, older than what is known", 0, []any{a(1), a(2), again(a(1)), "", a(3), "live X a3"}},
		{"offered again, before anything live", 0, []any{again(a(5)), "recovered X a5!", a(9), "live X a9"}},
		{"offered again and old, before anything live", 0, []any{z(20), again(a(5)), "", a(30), "live X a30"}},
		{"a live one that comes too late", 7, []any{a(1), z(9), a(2), "", a(10), "live X a10 missed=8"}},
		{"late ones are told with the next of any origin", 0, []any{z(9), a(1), a(2), "", z(10), "live X z10 missed=2"}},
		{"late ones are told with the next local one", 0, []any{z(9), a(1), "", func(b *box) {
			want(t, "local", describe([]hub.BroadcastEvent{b.local("X", "mine")}), "live X mine missed=1")
			want(t, "local again", describe([]hub.BroadcastEvent{b.local("X", "mine")}), "live X mine")
		}}},
		{"two origins", 5, []any{a(1), z(2), a(3), "live X a3 missed=1", z(5), "live X z5 missed=2", a(6), "live X a6 missed=2"}},
		{"own values offered by others", 0, []any{func(b *box) {
			own := b.local("X", "1")
			b.take(again(own))
			for range 10 {
				own = b.local("X", "n")
			}
			want(t, "own offered again", b.take(again(own)), "")
			want(t, "local", describe([]hub.BroadcastEvent{b.local("X", "mine")}), "live X mine")
		}}},
		{"numbers of an origin that had forgotten the room", 2, []any{a(7), from("a", "X", 50, 3, "new 3"), "live X new 3 missed=2", from("a", "X", 51, 4, "new 4"), "live X new 4"}},
		{"numbers of another life, past those of the one before", 6, []any{a(5), lives(from("a", "X", 50, 7, "new 7"), 1), "live X new 7 missed=6", lives(from("a", "X", 51, 8, "new 8"), 1), "live X new 8"}},
		{"unknown numbers", 1, []any{a(1), from("q", "X", 2, 0, "?"), "live X ?", from("q", "X", 1, 0, "?"), "", a(3), "live X a3 missed=2"}},
		{"nobody watched", 0, []any{func(b *box) { b.unwatch([]string{"X"}, nil) }, a(1), a(9), "", func(b *box) { b.join("X") }, a(20), "live X a20"}},
		{"left and joined again", 0, []any{a(1), z(9), a(2), "", func(b *box) { b.unwatch([]string{"X"}, nil); b.join("X") }, a(20), "live X a20"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBox(t, true)
			b.join("X")
			last := ""
			for i, s := range test.steps {
				switch s := s.(type) {
				case hub.BroadcastEvent:
					last = b.take(s)
				case string:
					want(t, fmt.Sprint("step ", i), last, s)
				case func(*box):
					s(b)
				}
			}
			if got := b.count().Lost; got != test.lost {
				t.Errorf("counted %d lost, want %d", got, test.lost)
			}
		})
	}
}

func TestMissedIsNotTakenFromTheWire(t *testing.T) {
	b := newBox(t, true)
	b.join("X")
	b.take(from("z", "X", 9, 9, "z"))
	b.take(from("a", "X", 1, 1, "late"))
	want(t, "local", describe([]hub.BroadcastEvent{b.local("X", "p")}), "live X p missed=1")
	want(t, "for the bridge", b.offered(), "live X p")
}

func TestOriginsOfARoomAreBounded(t *testing.T) {
	b := newBox(t, true)
	b.join("X")
	for i := range int64(100) {
		b.take(from(fmt.Sprint("o", i), "X", i, 1, "p"))
	}
	if got := len(b.table.find("X").of("").missing.positions); got != maxPositions {
		t.Errorf("%d positions are kept, want %d", got, maxPositions)
	}
	want(t, "the newest is kept", b.take(from("o99", "X", 200, 3, "p")), "live X p missed=1")
	want(t, "the oldest is not", b.take(from("o0", "X", 201, 9, "p")), "live X p")
}

// A consumer on one instance follows a room that several others publish into. The
// network loses, delays and repeats as the bridge may; what the consumer received and
// what it was told is missing never exceed what was published since it joined, and
// meet it once a live event of each origin comes through.
func TestMissedAccount(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b := newBox(t, true)
		origins := []string{"a", "k", "z"} // "me" stands among them
		seqs := map[string]uint64{}
		published, received, skipped := 0, 0, 0
		var sent []hub.BroadcastEvent
		ms := int64(0)
		account := func(pass []hub.BroadcastEvent) {
			for _, e := range pass {
				if e.Kind == hub.State {
					received++
				}
				if e.Kind == hub.State || e.Kind == hub.Recovered {
					skipped += int(e.Missed)
				}
			}
		}
		publish := func(origin string, skew int64) hub.BroadcastEvent {
			ms++
			seqs[origin]++
			e := from(origin, "X", 10*ms+skew, seqs[origin], fmt.Sprint(origin, ms))
			e.Version.Clock = max(e.Version.Clock, wallOf(sent, origin)+1)
			sent = append(sent, e)
			return e
		}
		b.join("X")
		for _, o := range origins { // all are heard once, so that their numbers are known
			published++
			account(b.remote([]hub.BroadcastEvent{publish(o, 0)}, b.now))
		}
		origin := rapid.SampledFrom(origins)
		skew := rapid.Int64Range(-30, 30)
		rt.Repeat(map[string]func(*rapid.T){
			"remote": func(rt *rapid.T) {
				published++
				account(b.remote([]hub.BroadcastEvent{publish(origin.Draw(rt, "origin"), skew.Draw(rt, "skew"))}, b.now))
			},
			"lost": func(rt *rapid.T) {
				published++
				publish(origin.Draw(rt, "origin"), skew.Draw(rt, "skew"))
			},
			"local": func(*rapid.T) {
				published++
				account([]hub.BroadcastEvent{b.local("X", "mine")})
			},
			"offered again": func(rt *rapid.T) {
				e := again(rapid.SampledFrom(sent).Draw(rt, "value"))
				account(b.remote([]hub.BroadcastEvent{e}, b.now))
			},
			"own offered again": func(*rapid.T) {
				if v := b.table.find("X").of(""); v.version.Instance == "me" {
					account(b.remote([]hub.BroadcastEvent{{
						Room: "X", Payload: v.payload, Kind: hub.Recovered, Version: v.version, Born: v.born, Seq: v.number,
					}}, b.now))
				}
			},
			"read": func(rt *rapid.T) {
				e := again(rapid.SampledFrom(sent).Draw(rt, "value"))
				e.Seq = 0
				b.beginGeneration(everyone)
				b.read(b.table.find("X"))
				account(b.lastPrices([]string{"X"}, []hub.BroadcastEvent{e}, false, b.now))
				b.readsSent()
			},
			"another joins and leaves": func(*rapid.T) {
				account(b.watch([]string{"X"}, hub.Wants{}, b.now))
				b.unwatch([]string{"X"}, nil)
			},
			"": func(rt *rapid.T) {
				if received+skipped > published {
					rt.Fatalf("received %d and told of %d more, of %d published", received, skipped, published)
				}
			},
		})
		for _, o := range origins {
			published++
			account(b.remote([]hub.BroadcastEvent{publish(o, 1000)}, b.now))
		}
		if received+skipped != published {
			rt.Fatalf("in the end received %d and told of %d more, of %d published", received, skipped, published)
		}
	})
}

// wallOf is the newest clock that origin has sent.
func wallOf(sent []hub.BroadcastEvent, origin string) (newest uint64) {
	for _, e := range sent {
		if e.Version.Instance == origin {
			newest = max(newest, e.Version.Clock)
		}
	}
	return newest
}

func TestLateEventsDoNotReviveAFeed(t *testing.T) {
	b := newBox(t, true)
	b.join("X")
	b.wait(testTTL)
	want(t, "a silent feed", b.settle(), "status X X silent=true since=0")
	want(t, "an event that lay in an outbox", b.take(from("a", "X", 0, 1, "p")), "live X p")
	at := b.now.Since(epoch.Steady).Milliseconds()
	want(t, "a new event", b.take(from("a", "X", at, 2, "q")), fmt.Sprintf("live X q; status X X silent=false since=%d", at))
	b.wait(testTTL - time.Millisecond)
	want(t, "just before the TTL", b.settle(), "")
	b.wait(time.Millisecond)
	want(t, "at the TTL", b.settle(), fmt.Sprintf("status X X silent=true since=%d", at))
	if b.next() != never {
		t.Errorf("there is work at %d, want none for a silent room", b.next())
	}
}

// A value that stays for long keeps no message that it came in.
func TestAKeptValueIsNoPartOfItsMessage(t *testing.T) {
	b := newBox(t, true)
	b.join("X")
	const text = "{X1}{X2}{Y1}"
	events := []hub.BroadcastEvent{from("a", "X", 1, 1, text[:4]), from("a", "X", 2, 2, text[4:8]), from("a", text[9:10], 1, 1, text[8:])}
	want(t, "passed on", b.take(events...), "live X {X1}; live X {X2}")
	within := func(s string) bool {
		at, begin := uintptr(unsafe.Pointer(unsafe.StringData(s))), uintptr(unsafe.Pointer(unsafe.StringData(text)))
		return begin <= at && at < begin+uintptr(len(text))
	}
	for room, payload := range map[string]string{"X": "{X2}", "Y": "{Y1}"} {
		r := b.table.find(room)
		if v := r.of(""); v.payload != payload || within(v.payload) || within(r.name) {
			t.Errorf("%s is kept as %q; its payload is a part of the message: %t, its name: %t", room, v.payload, within(v.payload), within(r.name))
		}
	}
	if len(b.parts) != 0 {
		t.Errorf("%d values wait for copies after the step", len(b.parts))
	}
}
