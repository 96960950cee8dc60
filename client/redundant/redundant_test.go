package redundant

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"backbone/client"
	"backbone/internal/epochs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// at is a moment of a test, in milliseconds.
func at(ms int) time.Time { return time.UnixMilli(1_700_000_000_000 + int64(ms)) }

func price(epoch string, seq uint64) client.PriceUpdate {
	return client.PriceUpdate{Instrument: "A", Price: "1", Stamp: &client.Stamp{Epoch: epoch, Seq: seq}}
}

func snapshot(epoch string, seq uint64) client.PriceUpdate {
	u := price(epoch, seq)
	u.Snapshot = true
	return u
}

// plain is a price without a stamp.
func plain() client.PriceUpdate { return client.PriceUpdate{Instrument: "A", Price: "1"} }

// say is an event in short: 5, or e5 of another count than "", S5 for a snapshot, p without a
// stamp, -3 for a gap.
func say(ev client.Event) string {
	switch ev := ev.(type) {
	case client.PriceUpdate:
		if ev.Stamp == nil {
			return "p "
		}
		if ev.Snapshot {
			return fmt.Sprintf("S%s%d ", ev.Stamp.Epoch, ev.Stamp.Seq)
		}
		return fmt.Sprintf("%s%d ", ev.Stamp.Epoch, ev.Stamp.Seq)
	case client.Missed:
		if !ev.Exact {
			return "-? "
		}
		return fmt.Sprintf("-%d ", ev.Events)
	}
	return fmt.Sprintf("%T ", ev)
}

func merging(lines int) (*merger, func() string) {
	said := ""
	m := &merger{lines: lines, rooms: map[string]*room{}, deliver: func(ev client.Event) { said += say(ev) }}
	m.join("A")
	return m, func() string { s := said; said = ""; return s }
}

func TestMerge(t *testing.T) {
	type step func(*merger)
	bringsAt := func(ms, line int, us ...client.PriceUpdate) step {
		return func(m *merger) {
			for _, u := range us {
				m.price(line, u, at(ms))
			}
		}
	}
	brings := func(line int, us ...client.PriceUpdate) step { return bringsAt(0, line, us...) }
	down := func(line int) step { return func(m *merger) { m.down(line) } }
	late := func(m *merger) { m.late(at(500)) }
	for name, c := range map[string]struct {
		steps []step
		want  string
	}{
		"the first wins": {[]step{brings(0, price("", 1), price("", 2)), brings(1, price("", 1), price("", 2), price("", 3)), brings(0, price("", 3), price("", 4))},
			"1 2 3 4 "},
		"the first snapshot is delivered": {[]step{brings(0, snapshot("", 5)), brings(1, snapshot("", 5), price("", 6)), brings(0, price("", 6))},
			"S5 6 "},
		"a line that is conflated lacks nothing that another brings": {
			[]step{brings(0, price("", 1)), brings(1, price("", 1)), brings(0, price("", 5)), brings(1, price("", 2), price("", 3), price("", 4), price("", 5)), brings(0, price("", 6))},
			"1 2 3 4 5 6 "},
		"both conflated": {[]step{brings(0, price("", 1)), brings(1, price("", 1)), brings(0, price("", 5)), brings(1, price("", 4), price("", 5)), brings(0, price("", 6))},
			"1 -2 4 5 6 "},
		"a line that is dead without a sign": {[]step{brings(0, price("", 1)), brings(1, price("", 1)), brings(0, price("", 5), price("", 6)), late, brings(0, price("", 7))},
			"1 -3 5 6 7 "},
		"a line that has just joined waits for the other": {[]step{brings(0, price("", 1)), brings(1, snapshot("", 3), price("", 4)), brings(0, price("", 2), price("", 3), price("", 4)), late, brings(1, price("", 5))},
			"1 2 3 4 5 "},
		"the death of one loses nothing": {[]step{brings(0, price("", 1), price("", 2)), brings(1, price("", 1)), down(0), brings(1, price("", 2), price("", 3)), brings(0, snapshot("", 3)), brings(1, price("", 4)), down(1), brings(0, price("", 4), price("", 5))},
			"1 2 3 4 5 "},
		"what is held is released when the other dies": {[]step{brings(0, price("", 1)), brings(1, snapshot("", 3)), down(0), brings(1, price("", 4))},
			"1 -1 S3 4 "},
		"what is held is released once nothing is missing": {[]step{brings(0, price("", 1)), brings(1, price("", 1)), brings(0, price("", 5), price("", 6)), brings(1, price("", 2), price("", 3), price("", 4))},
			"1 2 3 4 5 6 "},
		"what was brought is not missed": {[]step{brings(0, price("", 1)), brings(1, price("", 1)), brings(0, price("", 5), price("", 6)), brings(1, price("", 2), price("", 3)), down(1)},
			"1 2 3 -1 5 6 "},
		"each price that closes a part of the gap gets time for the next": {[]step{brings(0, price("", 1)), brings(1, price("", 1)), brings(0, price("", 4)), bringsAt(400, 1, price("", 2)), late, bringsAt(800, 1, price("", 3))},
			"1 2 3 4 "},
		"a line that dies takes nothing with it": {[]step{brings(0, price("", 1)), brings(1, price("", 1)), brings(0, price("", 4), price("", 5)), down(0), brings(1, price("", 2), price("", 3))},
			"1 2 3 4 5 "},
		"a line that died is not waited for": {[]step{brings(0, price("", 1)), brings(1, price("", 1)), brings(0, price("", 5)), down(0), late, brings(1, price("", 7))},
			"1 -3 5 -1 7 "},
		"both are ahead when the third dies": {[]step{brings(0, price("", 1)), brings(1, price("", 1)), brings(2, price("", 1)), brings(0, price("", 6)), brings(1, price("", 4)), down(2)},
			"1 -2 4 -1 6 "},
		"no stamps": {[]step{brings(0, plain()), brings(1, plain()), brings(0, plain()), down(0), brings(1, plain()), brings(0, plain())},
			"p p -? p "},
		"stamps come back": {[]step{brings(0, plain()), brings(1, snapshot("", 5)), brings(0, plain()), brings(1, price("", 6)), brings(0, plain())},
			"p -? S5 6 "},
		"a line with stamps dies beside one without": {[]step{brings(0, price("", 1)), brings(1, plain()), down(0), brings(1, plain()), brings(0, snapshot("", 7)), brings(1, plain()), brings(0, price("", 8))},
			"1 -? p -? S7 8 "},
		"one of two producers has no stamps": {[]step{brings(0, price("", 1)), brings(1, price("", 1)), brings(0, plain()), brings(1, plain()), brings(1, price("", 2)), brings(0, plain(), price("", 2))},
			"1 -? p 2 p "},
		"what was delivered comes not again behind one without a stamp": {[]step{brings(0, price("", 1), plain()), brings(1, price("", 1))},
			"1 -? p "},
		"both were away": {[]step{brings(0, price("", 1)), brings(1, price("", 1)), down(0), down(1), brings(1, snapshot("", 4)), brings(0, snapshot("", 4), price("", 5))},
			"1 -2 S4 5 "},
		"both were away, and the instance has restarted": {[]step{brings(0, price("", 7)), down(0), brings(1, snapshot("f", 1), price("f", 2))},
			"7 -? Sf1 f2 "},
		"a second producer": {[]step{brings(0, price("", 1), price("f", 1)), brings(1, price("", 1), price("f", 1), price("f", 2), price("", 2)), brings(0, price("f", 2), price("", 2))},
			"1 f1 f2 2 "},
		"the lines end on the same price": {[]step{brings(0, price("", 1), price("f", 1)), brings(1, price("f", 1), price("", 1), price("", 2)), brings(0, price("", 2))},
			"1 f1 S1 2 "},
		"lines with two counts in other orders": {[]step{brings(0, price("", 1), price("f", 2)), brings(1, price("f", 1), price("f", 2), price("", 2), price("f", 3)), brings(0, price("f", 3))},
			"1 f2 2 f3 "},
	} {
		t.Run(name, func(t *testing.T) {
			m, said := merging(3)
			for _, step := range c.steps {
				step(m)
			}
			if got := said(); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// Whatever is conflated, delayed or lost on the lines: no price comes twice or behind a newer one,
// what is missing is told exactly, and while one line is complete nothing is missing.
func TestMergeOfRandomLines(t *testing.T) {
	for seed := range uint64(2000) {
		random := rand.New(rand.NewPCG(seed, 0))
		m, _ := merging(2)
		delivered, missed, last := uint64(0), uint64(0), uint64(0)
		brought := map[uint64]bool{}
		m.deliver = func(ev client.Event) {
			switch ev := ev.(type) {
			case client.Missed:
				if missed += ev.Events; !ev.Exact {
					t.Fatalf("seed %d: a gap is not exact", seed)
				}
				for n := range ev.Events {
					if brought[last+1+n] {
						t.Fatalf("seed %d: %d was brought, and counts as missed", seed, last+1+n)
					}
				}
			case client.PriceUpdate:
				if delivered++; ev.Stamp.Seq <= last {
					t.Fatalf("seed %d: %d after %d", seed, ev.Stamp.Seq, last)
				}
				last = ev.Stamp.Seq
			}
		}
		m.price(0, price("", 1), at(0))
		m.price(1, price("", 1), at(0))
		complete, pace := seed%2 == 0, 20 // line 1 is, and not half a second behind
		if complete {
			pace = 10
		}
		sent := [2]uint64{1, 1}
		for now := 0; sent != [2]uint64{60, 60}; now += random.IntN(pace) {
			i := random.IntN(2)
			if sent[i] == 60 {
				continue
			}
			if i == 0 || !complete {
				switch random.IntN(20) {
				case 0:
					sent[i] = min(sent[i]+uint64(random.IntN(6)), 59)
				case 1:
					m.down(i)
				}
			}
			sent[i]++
			m.price(i, price("", sent[i]), at(now))
			brought[sent[i]] = true
			if !m.due.IsZero() && !m.due.After(at(now)) {
				m.late(at(now))
			}
		}
		m.late(at(1 << 20))
		if last != 60 || delivered+missed != 60 || complete && missed > 0 {
			t.Errorf("seed %d: %d delivered and %d missed up to %d", seed, delivered, missed, last)
		}
	}
}

func TestARoomThatWasLeftIsForgotten(t *testing.T) {
	m, said := merging(2)
	m.price(0, price("", 1), at(0))
	m.leave("A")
	m.price(1, price("", 2), at(0))
	m.join("A")
	m.price(0, price("", 9), at(0))
	if got := said(); got != "1 9 " {
		t.Errorf("got %s", got)
	}
}

func TestTheCountsInUseAreRemembered(t *testing.T) {
	m, said := merging(2)
	m.price(0, price("", 1), at(0))
	for i := range uint64(100) {
		m.price(0, price(fmt.Sprint("e", i, "."), 1), at(0))
		if said(); m.rooms["A"].epochs.Len() > epochs.Most {
			t.Fatalf("%d epochs", m.rooms["A"].epochs.Len())
		}
		if m.price(1, price("", 1+i), at(0)); said() != "" {
			t.Fatalf("%d came again", 1+i)
		}
		m.price(0, price("", 2+i), at(0))
	}
}

func TestALineHoldsALimitedNumber(t *testing.T) {
	m, said := merging(2)
	m.price(0, price("", 1), at(0))
	m.price(1, price("", 1), at(0))
	said()
	for i := range uint64(maxHeld) {
		if m.price(0, price("", 3+i), at(0)); said() != "" {
			t.Fatalf("delivered after %d", 1+i)
		}
	}
	m.price(0, price("", 3+maxHeld), at(0))
	if got := said(); got[:8] != "-1 3 4 5" || strings.Count(got, " ") != 2+maxHeld {
		t.Errorf("got %s", got)
	}
}
