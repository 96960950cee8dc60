package ingest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"backbone/internal/hub"
)

// limited is a box with so many places.
func limited(t *testing.T, places int) *box {
	return newBox(t, true, func(o *Options) { o.MaxInstruments = places })
}

// flood has a producer publish n new instruments and returns how many were accepted.
func (b *box) flood(from, prefix string, first, n int) (accepted int) {
	for i := range n {
		pass, _ := b.publish(from, prices(fmt.Sprint(prefix, first+i), "1"), b.now)
		accepted += len(pass)
	}
	return accepted
}

// arrive is flood by another instance. It returns how many of its instruments are known.
func (b *box) arrive(from, prefix string, first, n int) (known int) {
	for i := range n {
		e := again(hub.BroadcastEvent{Room: fmt.Sprint(prefix, first+i), Payload: "1", Born: b.now.Steady, Version: hub.Version{Clock: b.clock.next(b.now), Instance: from}})
		b.take(e)
		if b.table.find(e.Room) != nil {
			known++
		}
	}
	return known
}

func (b *box) holds(remote bool, name string) int {
	if h := b.table.byName[holderName{name, remote}]; h != nil {
		return h.held
	}
	return 0
}

func TestOneProducerLeavesPlacesForOthers(t *testing.T) {
	b := limited(t, 100)
	if got := b.flood("flood", "F", 0, 150); got != 100 {
		t.Fatalf("%d of 150 instruments got one of 100 places", got)
	}
	for round := range 50 {
		if got := b.flood("good", "G", round, 1); got != 1 {
			t.Fatalf("new instrument %d of another producer is refused", round)
		}
		if got := b.flood("flood", "F", 200+100*round, 100); got != 0 {
			t.Fatalf("%d more of the flood are accepted", got)
		}
	}
	if got := b.flood("good", "G", 50, 1); got != 0 {
		t.Error("a producer with half of the places gets more")
	}
	for i := range 50 {
		b.local(fmt.Sprint("G", i), "2")
	}
	if flood, good := b.holds(false, "flood"), b.holds(false, "good"); flood != 50 || good != 50 {
		t.Errorf("the places are held %d to %d, want 50 to 50", flood, good)
	}
	if got := b.count(); got.Displaced != 50 || got.Instruments != 100 || got.TooMany != 50+50*100+1 {
		t.Errorf("counted %+v", got)
	}
}

// Who holds one more than another keeps it: the two would take it from one another.
func TestAProducerGivesUpNoneToOneThatWouldHoldAsMany(t *testing.T) {
	b := limited(t, 3)
	b.flood("flood", "F", 0, 3)
	if got := b.flood("good", "G", 0, 2); got != 1 || b.holds(false, "flood") != 2 {
		t.Errorf("it got %d places, and the flood keeps %d", got, b.holds(false, "flood"))
	}
}

// It is the one that was not heard for longest, also if all were heard since they got their places.
func TestWhatIsHeardAgainGivesWayToo(t *testing.T) {
	b := limited(t, 3)
	for range 2 {
		b.wait(time.Second)
		b.flood("flood", "F", 0, 3)
	}
	if b.flood("good", "G", 0, 1) != 1 || b.table.has("F0") != "nowhere" {
		t.Error("F0 did not give way")
	}
}

func TestAPlaceIsHeldForAWhile(t *testing.T) {
	b := newBox(t, true)
	b.flood("p", "X", 0, 1)
	for _, step := range []struct {
		wait time.Duration
		held int
	}{{testTTL - 1, 0}, {1, 1}} {
		b.wait(step.wait)
		b.flood("q", "X", 0, 1)
		if got := b.holds(false, "q"); got != step.held {
			t.Errorf("another producer holds %d after %v more", got, step.wait)
		}
	}
}

// A search that found nothing is followed by another one after a pause.
func TestASearchForWhatIsPastItsLifePauses(t *testing.T) {
	b := limited(t, 1)
	b.flood("p", "F", 0, 1)
	for _, step := range []struct {
		wait     time.Duration
		accepted int
	}{{testTTL - searchPause/2, 0}, {searchPause - 1, 0}, {1, 1}} {
		b.wait(step.wait)
		if got := b.flood("q", "G", 0, 1); got != step.accepted {
			t.Errorf("%d accepted after %v more", got, step.wait)
		}
	}
}

func TestWhoHoldsNothingIsForgotten(t *testing.T) {
	b := newBox(t, true)
	b.flood("p", "X", 0, 3)
	b.arrive("a", "Y", 0, 3)
	for range 2 {
		b.wait(versionLife * testTTL)
		b.rotateAll()
	}
	if h := b.table.holders; len(h.byName)+len(h.ranks[0])+len(h.ranks[1])+len(h.places) > 0 {
		t.Errorf("holders %v, ranks %v, places %v", h.byName, h.ranks, h.places)
	}
}

func TestAForgottenInstrumentComesBackInAFlood(t *testing.T) {
	b := limited(t, 100)
	b.flood("good", "OLD", 0, 1)
	for i := range 30 {
		b.wait(testTTL)
		b.flood("flood", "F", 100*i, 100)
	}
	if b.table.find("OLD0") != nil {
		t.Fatal("it is still known")
	}
	if b.flood("good", "OLD", 0, 1) != 1 {
		t.Error("it is refused")
	}
}

func TestWhatComesThroughRedisRefusesNoLocalInstrument(t *testing.T) {
	b := limited(t, 100)
	b.arrive("a", "A", 0, 120)
	if got := b.count(); got.Instruments != 100 || got.Untracked != 20 {
		t.Fatalf("counted %+v, want 100 known and 20 untracked", got)
	}
	if got := b.flood("p", "P", 0, 100); got != 100 {
		t.Errorf("%d of 100 local instruments are accepted", got)
	}
	if got := b.arrive("a", "B", 0, 50); got != 0 {
		t.Errorf("%d from another instance took places of local ones", got)
	}
	if got := b.count().TooMany; got != 0 {
		t.Errorf("%d are refused", got)
	}
}

func TestInstancesShareWhatIsLeft(t *testing.T) {
	b := limited(t, 100)
	b.flood("p", "P", 0, 20)
	b.arrive("a", "A", 0, 200)
	if got := b.arrive("b", "B", 0, 60); b.holds(true, "b") != 40 || b.holds(true, "a") != 40 || got != 40 {
		t.Errorf("held %d to %d, want 40 each", b.holds(true, "a"), b.holds(true, "b"))
	}
	if got := b.holds(false, "p"); got != 20 {
		t.Errorf("%d local ones are left of 20", got)
	}
}

func TestPlacesComeBackAfterALifetime(t *testing.T) {
	b := limited(t, 100)
	b.flood("flood", "F", 0, 100)
	b.wait(testTTL / 2)
	b.flood("good", "G", 0, 50)
	b.wait(testTTL/2 - time.Millisecond)
	if b.flood("good", "G", 50, 1) != 0 {
		t.Error("a value that is not past its life gave way to who holds most")
	}
	b.wait(time.Millisecond)
	if got := b.flood("good", "G", 50, 60); got != 50 {
		t.Errorf("%d of 60 got the 50 places of what is past its life", got)
	}
}

// What was heard last gives way last, and what has members never.
func TestWhatGivesWay(t *testing.T) {
	b := limited(t, 10)
	b.flood("flood", "F", 0, 10)
	b.watch([]string{"F0", "F1"}, hub.Wants{}, b.now)
	b.wait(time.Millisecond)
	b.flood("flood", "F", 2, 2) // again
	b.flood("good", "G", 0, 4)
	for i, known := range []bool{true, true, true, true, false, false, false, false, true, true} {
		if got := b.table.find(fmt.Sprint("F", i)) != nil; got != known {
			t.Errorf("F%d is known: %t, want %t", i, got, known)
		}
	}
	b = limited(t, 4)
	b.flood("flood", "F", 0, 4)
	b.watch([]string{"F0", "F1", "F2", "F3"}, hub.Wants{}, b.now)
	if b.flood("good", "G", 0, 1) != 0 {
		t.Error("a room with members gave way")
	}
}

// A room with values of several producers does not give way for what one of them does.
func TestARoomOfTwoProducersStays(t *testing.T) {
	b := limited(t, 10)
	b.publish("good", []hub.BroadcastEvent{{Room: "F0", Type: "book", Payload: "1"}}, b.now)
	b.flood("flood", "F", 0, 9)
	b.flood("good", "G", 0, 2)
	if b.table.find("F0").of("book") == nil {
		t.Error("the value of a small producer went with one of the flood")
	}
}

func TestADisplacedRoomIsCountedInAnotherLife(t *testing.T) {
	b := limited(t, 4)
	given := map[string]bool{}
	for i := range 100 {
		b.flood("flood", "F", 4*i, 4)
		for range 3 {
			pass, _ := b.publish("good", prices("G", "1"), b.now)
			stamp := fmt.Sprint(pass[0].Life, ".", pass[0].Seq)
			if given[stamp] {
				t.Fatalf("stamp %s is given twice", stamp)
			}
			given[stamp] = true
		}
		b.wait(testTTL)
	}
	if b.count().Displaced < 100 {
		t.Errorf("counted %+v", b.count())
	}
}

func TestTooManyInstrumentsAreToldOnceAMinute(t *testing.T) {
	b := limited(t, 10)
	b.flood("192.0.2.1:1", "F", 0, 10)
	if b.log.Len() > 0 {
		t.Fatalf("logged %s", b.log)
	}
	for range 59 {
		b.flood("192.0.2.1:1", "F", 10, 100)
		b.wait(time.Second)
	}
	if got := b.log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "most_held_by=192.0.2.1:1 held=10 limit=10 displaced=0 refused=1") {
		t.Errorf("logged %s", got)
	}
	b.wait(time.Second)
	b.flood("good", "G", 0, 1)
	if got := strings.Count(b.log.String(), "\n"); got != 2 {
		t.Errorf("%d lines after a minute, want 2", got)
	}
}

// Some are still published, and do not hide those that are past their lives.
func TestADeadValueGivesWayAmongLiveOnes(t *testing.T) {
	for _, places := range []int{100, 1000, 5000} {
		b := limited(t, places)
		b.flood("feed", "LIVE", 0, places-places/2)
		b.flood("feed", "DEAD", 0, places/2)
		b.watch([]string{"LIVE0"}, hub.Wants{}, b.now)
		for range 10 {
			b.wait(testTTL / 5)
			b.flood("feed", "LIVE", 0, places-places/2)
		}
		tries := 0
		for b.flood("feed", "NEW", 0, 1) == 0 {
			if tries++; tries > places/maxSearch+1 {
				t.Fatalf("of %d places half are past their lives, and a new value is refused %d times", places, tries)
			}
			b.wait(searchPause)
		}
		if b.table.find("LIVE1") == nil {
			t.Error("a live value gave way")
		}
	}
}

// Rooms that could not give way are looked at again as soon as they can.
func TestWhatMembersLeaveGivesWay(t *testing.T) {
	b := limited(t, 20)
	b.flood("feed", "F", 0, 20)
	var rooms []string
	for i := range 20 {
		rooms = append(rooms, fmt.Sprint("F", i))
	}
	b.watch(rooms, hub.Wants{}, b.now)
	b.wait(2 * testTTL)
	if b.flood("feed", "NEW", 0, 1) != 0 {
		t.Fatal("a room with members gave way")
	}
	b.unwatch(rooms, nil)
	b.wait(searchPause)
	if b.flood("feed", "NEW", 0, 1) != 1 {
		t.Error("it is refused still, and nobody watches what is past its life")
	}
}

// However many producers there are, releasing a place takes no longer.
func TestReleasingDoesNotSearchAmongHolders(t *testing.T) {
	const rooms = 20_000
	took := func(producers int) time.Duration {
		b := limited(t, rooms)
		for i := range rooms {
			b.flood(fmt.Sprint("p", i%producers), "F", i, 1)
		}
		b.wait(versionLife * testTTL)
		b.rotateAll()
		b.wait(versionLife * testTTL)
		start := time.Now()
		b.rotateAll()
		if b.table.known != 0 || len(b.table.byName) != 0 {
			t.Fatalf("%d values are known, %d producers hold some", b.table.known, len(b.table.byName))
		}
		return time.Since(start)
	}
	one := took(1)
	if many := took(rooms); many > 20*one+time.Millisecond {
		t.Errorf("forgetting %d rooms of one producer takes %v, of as many producers %v", rooms, one, many)
	}
}

// Whatever happens, each known value has a holder, and holders hold what they count.
func TestHoldersModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		const limit = 12
		b := limited(t, limit)
		joined := map[string]int{}
		room := rapid.Custom(func(t *rapid.T) string { return fmt.Sprint("R", rapid.IntRange(0, 30).Draw(t, "room")) })
		typ := rapid.SampledFrom([]string{"", "book"})
		rt.Repeat(map[string]func(*rapid.T){
			"publish": func(t *rapid.T) {
				b.publish(rapid.SampledFrom([]string{"p", "q", "r"}).Draw(t, "from"),
					[]hub.BroadcastEvent{{Room: room.Draw(t, "room"), Type: typ.Draw(t, "type"), Payload: "1"}}, b.now)
			},
			"remote": func(t *rapid.T) {
				b.take(hub.BroadcastEvent{
					Room: room.Draw(t, "room"), Type: typ.Draw(t, "type"), Payload: "1", Born: b.now.Steady,
					Version: hub.Version{Clock: b.clock.last + 1, Instance: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "from")},
				})
			},
			"join": func(t *rapid.T) {
				r := room.Draw(t, "room")
				joined[r]++
				b.join(r)
			},
			"leave": func(t *rapid.T) {
				if r := room.Draw(t, "room"); joined[r] > 0 {
					joined[r]--
					b.unwatch([]string{r}, nil)
				}
			},
			"wait": func(t *rapid.T) { b.wait(time.Duration(rapid.IntRange(0, 40).Draw(t, "s")) * time.Second) },
			"rotate": func(*rapid.T) {
				b.wait(versionLife * testTTL)
				b.rotateAll()
			},
			"": func(t *rapid.T) {
				known := map[*holder]int{}
				beyond := 0 // values that members get although there is no place
				for p := range b.table.parts {
					for _, r := range b.table.sorted(p) {
						for v := range r.values {
							if v.known() {
								known[v.holder]++
								if r.members > 0 {
									beyond++
								}
							} else if v.holder != nil {
								t.Fatalf("an unknown value of %s has a holder", r.name)
							}
						}
					}
				}
				if len(known) != len(b.table.byName) {
					t.Fatalf("%d hold something, %d are kept", len(known), len(b.table.byName))
				}
				sum := 0
				for _, h := range b.table.byName {
					n := 0
					for v := h.oldest; v != nil; v = v.newer {
						if v.holder != h || v.newer == nil && h.newest != v {
							t.Fatalf("%s lists a value of another", h.name)
						}
						n++
					}
					if n != h.held || n != known[h] || h.held > b.table.holdsMost(h.remote).held {
						t.Fatalf("%+v lists %d and holds %d, %d hold it, most is %d", h.holderName, n, h.held, known[h], b.table.holdsMost(h.remote).held)
					}
					sum += n
				}
				for i, v := range b.table.places {
					if int(v.place) != i || v.holder == nil || !v.known() {
						t.Fatalf("place %d is kept for %+v", i, v)
					}
				}
				for name, d := range b.table.aside {
					if p := b.table.has(name); p != "nowhere" || d.room.members > 0 {
						t.Fatalf("%s is aside, and %s", name, p)
					}
				}
				if sum != b.table.known || sum != len(b.table.places) || sum > limit+beyond+2*len(joined) {
					t.Fatalf("%d are held, %d known, of %d places", sum, b.table.known, limit)
				}
			},
		})
	})
}
