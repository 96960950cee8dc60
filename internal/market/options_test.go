package market

import (
	"math"
	"slices"
	"strconv"
	"testing"
	"time"

	"backbone/protocol"
)

func TestNamesAreDistinctAndValid(t *testing.T) {
	names := Names(MaxInstruments)
	for _, name := range names {
		if fault := protocol.RoomFault("SIM_" + name); fault != "" {
			t.Errorf("%s %s", name, fault)
		}
	}
	slices.Sort(names)
	if n := len(slices.Compact(names)); n != MaxInstruments {
		t.Errorf("%d different names of %d", n, MaxInstruments)
	}
}

func TestALargeMarketHasAllItsInstruments(t *testing.T) {
	m := With(Options{Seed: 3, Rate: 5000, Instruments: 200, Volatility: 1, Bursts: Bursts, Correlation: 0.3})
	seen := map[string]int{}
	var lasted time.Duration
	for range 40000 {
		k := m.Next()
		lasted += k.After
		seen[k.Instrument]++
		if p, err := strconv.ParseFloat(string(k.Price), 64); err != nil || p <= 0 {
			t.Fatalf("price %q: %v", k.Price, err)
		}
	}
	if len(seen) != 200 {
		t.Errorf("%d instruments, want 200", len(seen))
	}
	if rate := 40000 / lasted.Seconds(); rate < 2500 || rate > 15000 {
		t.Errorf("%.0f ticks a second, want about 5000", rate)
	}
}

func TestWithoutVolatilityNothingMoves(t *testing.T) {
	m, first := With(Options{Seed: 3, Rate: 100, Instruments: 20, Correlation: 0.5}), map[string]string{}
	for range 2000 {
		k := m.Next()
		if first[k.Instrument] == "" {
			first[k.Instrument] = string(k.Price)
		}
		if first[k.Instrument] != string(k.Price) {
			t.Fatalf("%s went from %s to %s", k.Instrument, first[k.Instrument], k.Price)
		}
	}
}

// The returns of two instruments over five seconds are correlated as the option says.
func TestInstrumentsMoveTogether(t *testing.T) {
	for _, want := range []float64{0, 0.5, 1} {
		m := With(Options{Seed: 11, Rate: 50, Instruments: 2, Volatility: 1, Correlation: want})
		last, before := map[string]float64{}, map[string]float64{}
		var returns [2][]float64
		var now, next time.Duration
		for len(returns[0]) < 1000 {
			k := m.Next()
			for now += k.After; now > next; next += 5 * time.Second {
				for i, name := range Names(2) {
					if before[name] != 0 {
						returns[i] = append(returns[i], math.Log(last[name]/before[name]))
					}
					before[name] = last[name]
				}
			}
			last[k.Instrument], _ = strconv.ParseFloat(string(k.Price), 64)
		}
		if got := correlation(returns[0], returns[1]); math.Abs(got-want) > 0.15 {
			t.Errorf("correlation %.2f, want %v", got, want)
		}
	}
}

func correlation(a, b []float64) float64 {
	var ab, aa, bb float64
	for i := range min(len(a), len(b)) {
		ab, aa, bb = ab+a[i]*b[i], aa+a[i]*a[i], bb+b[i]*b[i]
	}
	return ab / math.Sqrt(aa*bb)
}
