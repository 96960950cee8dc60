package upstream

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"backbone/client"
	"backbone/internal/hub"
	"backbone/internal/moment"
	"backbone/internal/redistest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, redistest.ProxyLeaks()) }

var testNow = moment.Time{Steady: time.Hour, UnixMS: 1_710_000_000_000}

// feed drives a position by a script, and describes what was passed on. A step is
//
//	A5 +3    live price 5 of epoch A, taken in 3 ms after the start; A5s a snapshot of it; -5 one without a stamp
//	m2       upstream tells of 2 that are missing
//	lost     the connection was lost, and another one was made
//	settled  the connection has lasted
func feed(t *testing.T, script string) (passed string) {
	t.Helper()
	var p position
	settled := false
	clock := uint64(0)
	for _, step := range strings.Split(script, ",") {
		step = strings.TrimSpace(step)
		number := func(text string) int { n, _ := strconv.Atoi(text); return n }
		if m := regexp.MustCompile(`^m(\d+)$`).FindStringSubmatch(step); m != nil {
			p.tell(uint64(number(m[1])))
			continue
		}
		switch step {
		case "lost":
			p.lost()
			settled = false
			continue
		case "settled":
			settled = true
			continue
		}
		m := regexp.MustCompile(`^(\S)(\d+)(s?) \+(\d+)$`).FindStringSubmatch(step)
		if m == nil {
			t.Fatalf("%q is no step", step)
		}
		epoch, n, kind, at := m[1], number(m[2]), m[3], number(m[4])
		u := client.PriceUpdate{Snapshot: kind == "s"}
		if epoch != "-" {
			u.Stamp = &client.Stamp{Epoch: epoch + ".0", Seq: uint64(n), At: time.UnixMilli(testNow.UnixMS + int64(at))}
		}
		e := hub.BroadcastEvent{}
		if u.Snapshot {
			e.Kind = hub.Recovered
		}
		if !p.take(&u, &e, settled, testNow) {
			continue
		}
		if e.Version.Clock <= clock {
			t.Errorf("%s has version %x behind %x", step, e.Version.Clock, clock)
		}
		if clock = e.Version.Clock; u.Stamp != nil && (e.Version.Instance != epoch || e.Seq != uint64(n) || e.At != testNow.UnixMS+int64(at)) {
			t.Errorf("%s became %+v", step, e)
		}
		passed += fmt.Sprintf("%s%d%s", epoch, n, kind)
		if e.Missed > 0 {
			passed += fmt.Sprintf("(%d)", e.Missed)
		}
		passed += " "
	}
	return strings.TrimSpace(passed)
}

func TestPosition(t *testing.T) {
	for name, tt := range map[string]struct{ script, want string }{
		"one connection":                  {"A1s +1, A2 +2, A3 +3", "A1s A2 A3"},
		"upstream tells":                  {"A1 +1, m3, A5 +5, A6 +6", "A1 A5(3) A6"},
		"a gap before the first live":     {"A1s +1, A9 +9", "A1s A9"},
		"more was missed than seen":       {"A1 +1, m5, A5 +5", "A1 A5(5)"}, // of another epoch, too
		"what comes later is newer":       {"A1 +3600000, B1 +0, A2 +3600001, B2 +2", "A1 B1 A2 B2"},
		"recovered":                       {"A1 +1, m3, A4s +4, A5 +5", "A1 A4s(3) A5"},
		"reconnected, nothing new":        {"A1s +1, A2 +2, lost, A2s +2, A3 +3", "A1s A2 A3"},
		"reconnected, and missed":         {"A2 +2, lost, A6s +6, A7 +7", "A2 A6s(4) A7"}, // 6 itself is no tick
		"missed again behind it":          {"A2 +2, lost, A6s +6, A9 +9", "A2 A6s(4) A9(2)"},
		"a live one came first":           {"A2 +2, lost, A6 +6, A7 +7", "A2 A6(3) A7"},
		"the SDK tells too":               {"A2 +2, lost, m3, A6s +6, A7 +7", "A2 A6s(4) A7"},
		"an instance that is behind":      {"A5 +5, lost, A2s +2, A3 +3, m1, A5 +5, A6 +6", "A5 A6"},
		"and conflates":                   {"A5 +5, lost, A2s +2, m4, A7 +7", "A5 A7(1)"},
		"another epoch, older":            {"A5 +5, lost, B1s +3, B2 +4, B3 +6", "A5 B3(1)"},
		"another epoch, newer":            {"A5 +5, lost, B1s +6, B2 +7", "A5 B1s(1) B2"},
		"a clock that is behind":          {"A5 +3600000, lost, B1s +6, B2 +7, settled, B3 +8, B4 +9", "A5 B3(1) B4"},
		"newer by its epoch, then others": {"A5 +3600000, lost, A6 +3600001, B1 +6", "A5 A6 B1"},
		"both epochs were known":          {"A5 +5, B1 +6, lost, A5s +5, A6 +5, B2 +7", "A5 B1 B2(1)"},
		"a first connection that is lost": {"lost, A5s +5, A6 +6", "A5s A6"},
		"without stamps":                  {"-1 +0, -2 +0, lost, -3s +0", "-1 -2 -3s"},
		"stamps that end":                 {"A5 +5, -6 +0, lost, A2s +7", "A5 -6 A2s(1)"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := feed(t, tt.script); got != tt.want {
				t.Errorf("%s: passed %s, want %s", tt.script, got, tt.want)
			}
		})
	}
}

// How old a price is, by the clocks where it came from if it is live, and by what upstream measured
// if it is a snapshot.
func TestAges(t *testing.T) {
	for _, tt := range []struct {
		kind          hub.Kind
		at, age       time.Duration // when it was taken in, and what upstream says
		born, transit time.Duration // want: how long ago
	}{
		{hub.State, 30 * time.Millisecond, 0, 0, 30 * time.Millisecond},
		{hub.State, -time.Hour, 0, 0, 0}, // by a clock that is ahead
		{hub.Recovered, time.Hour, 20 * time.Millisecond, 20 * time.Millisecond, 0},
		{hub.Recovered, 0, -time.Hour, 0, 0},
	} {
		var p position
		e := hub.BroadcastEvent{Kind: tt.kind}
		u := client.PriceUpdate{Stamp: &client.Stamp{Epoch: "A.1", Seq: 1, At: time.UnixMilli(testNow.UnixMS).Add(-tt.at), Age: tt.age}}
		p.take(&u, &e, false, testNow)
		if born := testNow.Since(e.Born); born != tt.born || e.Transit != tt.transit || e.Life != 1 {
			t.Errorf("%+v: born %v ago, transit %v, life %d", tt, born, e.Transit, e.Life)
		}
	}
}

func TestNonsensicalStamps(t *testing.T) {
	for _, s := range []client.Stamp{
		{Epoch: `A".0`, Seq: 1, At: time.UnixMilli(testNow.UnixMS)},
		{Epoch: "A.0", Seq: 1, At: time.UnixMilli(1 << 62)},
		{Epoch: "A.0", Seq: 1, At: time.UnixMilli(-1 << 62)},
	} {
		var p position
		e := hub.BroadcastEvent{}
		if !p.take(&client.PriceUpdate{Stamp: &s}, &e, false, testNow) || e.Version.Clock == 0 || e.Version.Clock > 1<<60 || e.Transit < 0 {
			t.Errorf("%+v became %+v", s, e)
		}
	}
}
