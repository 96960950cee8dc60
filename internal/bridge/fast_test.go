package bridge

import (
	"fmt"
	"testing"
	"time"

	"backbone/internal/bridge/wire"
	"backbone/internal/hub"
	"backbone/internal/moment"
	"backbone/internal/partition"
	"backbone/internal/redistest"
)

// inEachForm runs a test with two instances that write form 1, and with two that write form 2.
func inEachForm(t *testing.T, test func(t *testing.T, s *redistest.Server, a, b *instance)) {
	for _, format := range []Format{Format1, Format2} {
		t.Run("form "+string(format), func(t *testing.T) {
			noLeak(t)
			s := redistest.Start(t)
			write := func(o *Options) { o.Format = format }
			a, b := start(t, "A", s.URL(), write), start(t, "B", s.URL(), write)
			a.linked()
			b.linked()
			test(t, s, a, b)
		})
	}
}

// A call is accepted only if its clock is greater, whichever digit decides.
func TestTheFastScriptComparesEachDigit(t *testing.T) {
	noLeak(t)
	s := redistest.Start(t)
	script := newScripts(false).fast.text
	const held = uint64(0x1123456789abcdee)
	offer := func(clock uint64) (taken bool) {
		t.Helper()
		s.CLI("SET", "room", `{"version":"1123456789abcdee-A","event":{}}`, "PX", "60000")
		s.CLI("EVAL", script, "1", "room", fmt.Sprintf("%016x", clock), "0", "1", "60000", "new")
		return s.CLI("GET", "room") == "new"
	}
	if offer(held) {
		t.Error("the same clock was taken")
	}
	for digit := range 16 {
		one := uint64(1) << (4 * digit)
		// What follows the digit says the opposite, so that only this digit can decide.
		below := one - 1
		greater, smaller := (held+one)&^below, (held-one)|below
		if !offer(greater) {
			t.Errorf("%016x was not taken, though it is greater than %016x", greater, held)
		}
		if offer(smaller) {
			t.Errorf("%016x was taken, though it is smaller than %016x", smaller, held)
		}
	}
}

// Of a call that is accepted as a whole, each event is published and the newest of each room
// stored, each for as long as it may live.
func TestACallIsAcceptedAsAWhole(t *testing.T) { inEachForm(t, aCallIsAcceptedAsAWhole) }

func aCallIsAcceptedAsAWhole(t *testing.T, s *redistest.Server, a, b *instance) {
	names := wire.Names{Prefix: DefaultPrefix}
	old := func(e hub.BroadcastEvent, age time.Duration) hub.BroadcastEvent {
		e.Born -= age
		return e
	}
	for round := range uint64(2) { // the second meets what the first has stored
		n := 100 * (round + 1)
		batch := []hub.BroadcastEvent{
			old(tick("A", "X", n+1, 1), 12*time.Second), tick("A", "Y", n+2, 2), old(tick("A", "X", n+3, 3), 10*time.Second),
			chat("X", "hello"), tick("A", "Z", n+4, 4), old(tick("A", "X", n+5, 5), 5*time.Second),
		}
		a.publish(batch...)
		byPartition := map[int][]hub.BroadcastEvent{}
		for range batch {
			e := b.hears()
			p := partition.Of(e.Room)
			byPartition[p] = append(byPartition[p], e)
		}
		for _, want := range batch {
			p := partition.Of(want.Room)
			if got := byPartition[p][0]; got.Room != want.Room || got.Payload != want.Payload || got.Kind != want.Kind {
				t.Fatalf("heard %+v, want %+v", got, want)
			}
			byPartition[p] = byPartition[p][1:]
		}
		for _, want := range []struct {
			e   hub.BroadcastEvent
			age time.Duration
		}{{batch[5], 5 * time.Second}, {batch[1], 0}, {batch[4], 0}} {
			key := names.Last("price", want.e.Room)
			text := fmt.Sprintf(`{"version":"%s","seq":%d,"event":%s}`, want.e.Version, want.e.Seq, want.e.Payload)
			if got := s.CLI("GET", key); got != text {
				t.Errorf("stored %s, want %s", got, text)
			}
			if left := pttl(t, s, key); left > 30*time.Second-want.age || left < 26*time.Second-want.age {
				t.Errorf("%s: %v left to live of 30 s, %v old", want.e.Room, left, want.age)
			}
		}
	}
	a.publish()
	messages := map[int]uint64{1: 6, 2: 2} // by form: one of each partition, or one of all
	if st := a.stats(); st.Published != 12 || st.Repeated != 0 || st.Refused != 0 || st.Bundles != messages[st.Form] {
		t.Errorf("A's stats: %+v", st)
	}
}

// A call of which one event is refused is repeated: the others arrive once and in order.
func TestOneRefusedEventHoldsUpNoOther(t *testing.T) { inEachForm(t, oneRefusedEventHoldsUpNoOther) }

func oneRefusedEventHoldsUpNoOther(t *testing.T, _ *redistest.Server, a, b *instance) {
	newest := tick("A", "X", 5000, 1)
	a.publish(newest)
	b.hearsNothingBut(newest)
	batch := []hub.BroadcastEvent{
		chat("X", "first"), tick("B", "X", 4000, 2), chat("X", "second"), tick("B", "X", 6000, 3), tick("B", "X", 6001, 4), chat("X", "third"),
	}
	b.publish(batch...)
	for i, e := range batch {
		if i != 1 {
			a.hearsNothingBut(e)
		}
	}
	end := chat("X", "end")
	b.publish(end)
	a.hearsNothingBut(end)
	if got := a.read("X"); len(got.found) != 1 || got.found[0].Version != batch[4].Version {
		t.Errorf("read: %+v", got)
	}
	b.publish() // taken once the answers are counted
	if st := b.stats(); st.Published != 6 || st.Refused != 1 || st.Repeated != 1 {
		t.Errorf("B's stats: %+v", st)
	}
	// What is offered again is likely to be refused, and is not tried as a whole.
	b.publish(recovered(newest))
	b.publish()
	if st := b.stats(); st.Refused != 2 || st.Repeated != 1 {
		t.Errorf("B's stats: %+v", st)
	}
	// The version that Redis holds does not come twice.
	b.publish(batch[4])
	b.publish()
	if st := b.stats(); st.Unchanged != 1 || st.Repeated != 2 {
		t.Errorf("B's stats: %+v", st)
	}
}

// A script that fails may have stored and published something.
func TestACallThatFailsIsNotRepeated(t *testing.T) {
	noLeak(t)
	s := redistest.Start(t)
	a := start(t, "A", s.URL(), func(o *Options) { o.Heartbeat, o.EchoTimeout = time.Hour, time.Hour })
	a.linked()
	s.CLI("ACL", "SETUSER", "default", "-publish")
	a.publish(tick("A", "X", 1, 1))
	a.logged("redis is lost")
	s.CLI("ACL", "SETUSER", "default", "+publish")
	a.linked()
	if st := a.stats(); st.Repeated != 0 || st.Drops[DropInDoubt] != 1 || st.Published != 0 {
		t.Errorf("A's stats: %+v", st)
	}
}

// Redis may forget one of the scripts, as if the other was loaded since it forgot both.
func TestEitherScriptMayBeForgotten(t *testing.T) { inEachForm(t, eitherScriptMayBeForgotten) }

func eitherScriptMayBeForgotten(t *testing.T, s *redistest.Server, a, b *instance) {
	newest := tick("A", "X", 5000, 1)
	a.publish(newest)
	b.hearsNothingBut(newest)
	for name, left := range map[string]string{"fastScript": fullScript, "fullScript": fastScript} {
		t.Run(name, func(t *testing.T) {
			s.CLI("SCRIPT", "FLUSH")
			s.CLI("SCRIPT", "LOAD", left)
			reloads := b.stats().Reloads
			end := chat("X", name)
			b.publish(tick("B", "X", 4000, 2), end)
			a.hearsNothingBut(end)
			b.linked()
			if st := b.stats(); st.Reloads != reloads+1 || st.Reconnects != 0 {
				t.Errorf("B's stats: %+v", st)
			}
		})
	}
	if st := b.stats(); st.Refused != 2 || st.Repeated != 2 {
		t.Errorf("B's stats: %+v", st)
	}
}

// What can be refused for another event of the same call, or is not to be stored, is decided
// event by event.
func TestWhatIsNotForTheFastScript(t *testing.T) {
	now := moment.Now().Steady
	x := func(clock uint64) hub.BroadcastEvent { return tick("A", "X", clock, 1) }
	old := x(1)
	old.Born -= time.Minute
	resync := hub.BroadcastEvent{Room: "X", Type: "price", Kind: hub.Resync, Version: hub.Version{Clock: 9, Instance: "A"}, Payload: "{}"}
	otherType := x(1)
	otherType.Type = "book"
	tie := x(2)
	tie.Version.Instance = "B"
	for name, c := range map[string]struct {
		events []hub.BroadcastEvent
		want   bool
	}{
		"in order":        {[]hub.BroadcastEvent{x(1), x(2), chat("X", "a")}, true},
		"a tie, in order": {[]hub.BroadcastEvent{x(2), tie}, true},
		"types apart":     {[]hub.BroadcastEvent{x(2), otherType}, true},
		"a resync":        {[]hub.BroadcastEvent{resync, x(1)}, true},
		"older behind":    {[]hub.BroadcastEvent{x(2), x(1)}, false},
		"the same twice":  {[]hub.BroadcastEvent{x(2), x(2)}, false},
		"offered again":   {[]hub.BroadcastEvent{x(1), recovered(x(2))}, false},
		"past its life":   {[]hub.BroadcastEvent{old, x(2)}, false},
	} {
		with := &composer{names: wire.Names{Prefix: "p:"}, instance: "A", ttl: 30 * time.Second}
		if _, _, ok := with.fast(call{{events: c.events}}, now); ok != c.want {
			t.Errorf("%s: for fastScript: %t, want %t", name, ok, c.want)
		}
	}
}
