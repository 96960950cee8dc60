package client

import (
	"encoding/json"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// Each line is smaller than the next; the prices of one are equal.
var pricesInOrder = [][]Price{
	{"", "1e309", "abc", "01", "+1", "1.", "NaN", "1e-400", "1e99999999999999999999", Price(strings.Repeat("1", 65))},
	{"-1.7e308", "-17E+307"},
	{"-100.5", "-1.005e2"},
	{"-100.4"},
	{"-1e-307", "-0.01e-305"},
	{"0", "-0", "0.00", "0e5", "-0.0E-0", "0e99999999999999999999999999999999999"},
	{"1e-307", "0." + Price(strings.Repeat("0", 40)) + "1e-266"},
	{"0.09", "9e-2"},
	{"0.1", "0.10", "1e-1", "10E-2"},
	{"1", "1.0", "0.1e1", "10e-1"},
	{"1.1", "1.10", "11e-1"},
	{"9.99"},
	{"10", "1e1", "1E+1"},
	{"9007199254740992"},
	{"9007199254740993", "9007199254740993.0", "0.9007199254740993e16"}, // equal to the one before as a float64
	{"9007199254740993.0000000000000000000000000000000000000000000001"},
	{"1e16"},
	{"1e308"},
}

func TestPriceCmp(t *testing.T) {
	for i, as := range pricesInOrder {
		for j, bs := range pricesInOrder {
			want := min(max(i-j, -1), 1)
			for _, a := range as {
				for _, b := range bs {
					if got := a.Cmp(b); got != want {
						t.Errorf("%q.Cmp(%q) = %d, want %d", a, b, got, want)
					}
				}
			}
		}
	}
	prices := []Price{"2", "10", "", "1.5", "-1"}
	if slices.SortFunc(prices, Price.Cmp); !slices.Equal(prices, []Price{"", "-1", "1.5", "2", "10"}) {
		t.Errorf("sorted: %v", prices)
	}
}

// TestPriceCmpAgrees compares with big.Rat.
func TestPriceCmpAgrees(t *testing.T) {
	const n = 20_000
	digits := func(most int) string {
		b := make([]byte, 1+rand.IntN(most))
		for i := range b {
			b[i] = "0012389"[rand.IntN(7)]
		}
		return string(b)
	}
	random := func() Price {
		s := strings.TrimLeft(digits(4), "0")
		if s == "" {
			s = "0"
		}
		if rand.IntN(2) == 0 {
			s = "-" + s
		}
		if rand.IntN(2) == 0 {
			s += "." + digits(5)
		}
		if rand.IntN(2) == 0 {
			s += []string{"e", "E", "e+", "e-"}[rand.IntN(4)] + digits(1)
		}
		return Price(s)
	}
	for range n {
		a, b := random(), random()
		x, _ := new(big.Rat).SetString(string(a))
		y, _ := new(big.Rat).SetString(string(b))
		if got, want := a.Cmp(b), x.Cmp(y); got != want {
			t.Fatalf("%q.Cmp(%q) = %d, want %d", a, b, got, want)
		}
	}
	a, b := Price("60214.30"), Price("60214.3e0")
	if got := testing.AllocsPerRun(100, func() { a.Cmp(b) }); got != 0 {
		t.Errorf("%v allocations", got)
	}
}

func TestPriceChange(t *testing.T) {
	for _, c := range []struct {
		from, to Price
		want     float64
	}{
		{"100", "100.5", 0.005}, {"100", "99.5", -0.005}, {"-100", "-99.5", 0.005}, {"0.0001", "0.0001", 0},
		{"0", "1", math.NaN()}, {"", "1", math.NaN()}, {"1", "x", math.NaN()}, {"1e-300", "1e300", math.Inf(1)},
	} {
		if got := c.to.Change(c.from); got != c.want && !(math.IsNaN(got) && math.IsNaN(c.want)) && math.Abs(got-c.want) > 1e-12 {
			t.Errorf("from %s to %s: %v, want %v", c.from, c.to, got, c.want)
		}
	}
}

func TestPriceJSON(t *testing.T) {
	for text, want := range map[string]Price{"1.10": "1.10", `"1.10"`: "1.10", "-0e-0": "-0e-0", "null": "before"} {
		p := Price("before")
		if err := json.Unmarshal([]byte(text), &p); err != nil || p != want {
			t.Errorf("%s: %q, %v", text, p, err)
		}
	}
	for _, text := range []string{`"x"`, `""`, "true", "{}", "[1]"} {
		p := Price("before")
		if err := json.Unmarshal([]byte(text), &p); err == nil || p != "before" {
			t.Errorf("%s: %q, %v", text, p, err)
		}
	}
	out, err := json.Marshal(PriceUpdate{Instrument: "A", Price: "1.10", TS: 1})
	if want := `{"instrument":"A","price":1.10,"ts":1}`; err != nil || string(out) != want {
		t.Errorf("%s, %v, want %s", out, err, want)
	}
	if out, err := json.Marshal(Price("1;")); err == nil {
		t.Errorf("no error: %s", out)
	}
	if n, err := Price("12").Int64(); n != 12 || err != nil {
		t.Errorf("Int64: %d, %v", n, err)
	}
}

func TestPriceTimes(t *testing.T) {
	at := time.Date(2024, 3, 9, 16, 0, 0, 123456789, time.UTC)
	for _, unit := range []time.Duration{time.Second, time.Millisecond, time.Microsecond, time.Nanosecond, 100 * time.Nanosecond} {
		for _, at := range []time.Time{at, time.Unix(0, 0), time.Unix(-1, 1)} {
			u := PriceUpdate{TS: TS(at, unit)}
			if got := u.Time(unit); !got.Equal(at.Truncate(unit)) {
				t.Errorf("%v in %v: %d, %v", at, unit, u.TS, got)
			}
		}
	}
	if got, want := (PriceUpdate{TS: math.MaxInt64}).Time(time.Millisecond).UnixMilli(), int64(math.MaxInt64); got != want {
		t.Errorf("the last: %d", got)
	}
	for _, unit := range []time.Duration{0, -time.Second, time.Minute, 7} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%v: no panic", unit)
				}
			}()
			PriceUpdate{}.Time(unit)
		}()
	}
	if _, ok := (PriceUpdate{}).Received(); ok {
		t.Error("received without a stamp")
	}
	if got, ok := (PriceUpdate{Stamp: &Stamp{At: at}}).Received(); !ok || got != at {
		t.Errorf("received %v, %t", got, ok)
	}
}

func TestAChangeIsReachedToTheDigit(t *testing.T) {
	for _, c := range []struct {
		least    MinChange
		from, to Price
		want     bool
	}{
		{"0.1", "0.2", "0.3", true}, // the floats are less than 0.1 apart
		{"0.1", "0.3", "0.2", true},
		{"0.1", "0.2", "0.2999999999999999999999999999", false},
		{"0.01", "60214.30", "60214.3", false},
		{"0.01", "60214.30", "60214.31", true},
		{"1e-2", "-0.005", "0.005", true},
		{"0.5%", "200", "201", true},
		{"0.5%", "200", "200.9999999999999999", false},
		{"0.5%", "-200", "-201", true},
		{"0.5%", "-200", "-200.5", false},
		{"50%", "0", "0.00", false},
		{"50%", "0", "1e-300", true},
		{"100%", "1e300", "1e-300", false},
		{"99%", "1e300", "1e-300", true},
		{"1", "0e999999999", "1", true},
		{"", "1", "1.00", false},
		{"", "1", "1.000000000000000000000000000001", true},
		{"1", "x", "1", true},
	} {
		if got := c.least.Reached(c.from, c.to); got != c.want {
			t.Errorf("%s from %s to %s: %t", c.least, c.from, c.to, got)
		}
	}
	for least, valid := range map[MinChange]bool{"": true, "0.5%": true, "0.01": true, "1e-9": true, "0": false, "0%": false, "-1": false, "%": false, "5 %": false, "1,5": false, ".5": false, "NaN": false} {
		if least.Valid() != valid {
			t.Errorf("%q is valid: %t", least, !valid)
		}
	}
}

func TestAFilterComparesWithWhatWasShown(t *testing.T) {
	f := NewChangeFilter("0.1")
	price := func(room string, p Price, snapshot bool) PriceUpdate {
		return PriceUpdate{Instrument: room, Price: p, Snapshot: snapshot}
	}
	for i, c := range []struct {
		ev   Event
		want bool
	}{
		{price("A", "1", false), true},
		{price("A", "1.09", false), false},
		{price("B", "1.09", false), true},
		{price("A", "1.05", true), true}, // a snapshot is what counts now
		{price("A", "1.14", false), false},
		{price("A", "1.15", false), true},
		{Conflated{Room: "A", Skipped: 1}, true},
		{Retired{Instrument: "A"}, true},
		{price("A", "1.15", false), true},
		{price("A", "1.15", false), false},
	} {
		if got := f.Pass(c.ev); got != c.want {
			t.Errorf("%d: %+v passes: %t", i, c.ev, got)
		}
	}
	if f.LeftOut() != 3 {
		t.Errorf("%d were left out", f.LeftOut())
	}
}
