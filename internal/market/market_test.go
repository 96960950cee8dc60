package market

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"backbone/protocol"
)

func ticks(seed uint64, rate float64, n int) []Tick {
	m := New(seed, rate)
	var all []Tick
	for range n {
		all = append(all, m.Next())
	}
	return all
}

func TestTheSameSeedGivesTheSameMarket(t *testing.T) {
	if !slices.Equal(ticks(7, 100, 5000), ticks(7, 100, 5000)) {
		t.Error("two markets of one seed differ")
	}
	if slices.Equal(ticks(7, 100, 5000), ticks(8, 100, 5000)) {
		t.Error("two markets of different seeds are the same")
	}
}

func TestTheMarketOpensWithAPriceOfEach(t *testing.T) {
	for i, k := range ticks(7, 100, len(known)) {
		want := strconv.FormatFloat(known[i].price, 'f', known[i].decimals, 64)
		if k.Instrument != known[i].name || string(k.Price) != want || k.After != 0 {
			t.Errorf("tick %d is %+v, want %s at %s", i, k, known[i].name, want)
		}
	}
}

func TestTheMarketIsPlausible(t *testing.T) {
	const n, rate = 60000, 100
	seen := map[string]int{}
	distinct := map[string]map[string]bool{}
	last := map[string]float64{}
	var total time.Duration
	for _, k := range ticks(1, rate, n) {
		seen[k.Instrument]++
		total += k.After
		if k.After < 0 {
			t.Fatalf("%+v comes before the one before it", k)
		}
		price, err := strconv.ParseFloat(string(k.Price), 64)
		if err != nil || price <= 0 || math.IsInf(price, 0) {
			t.Fatalf("price %q: %v", k.Price, err)
		}
		if before, ok := last[k.Instrument]; ok && math.Abs(price/before-1) > 0.05 {
			t.Fatalf("%s jumps from %v to %v", k.Instrument, before, price)
		}
		last[k.Instrument] = price
		if distinct[k.Instrument] == nil {
			distinct[k.Instrument] = map[string]bool{}
		}
		distinct[k.Instrument][string(k.Price)] = true
	}
	for _, l := range known {
		if !protocol.ValidRoom(l.name) {
			t.Errorf("%s is no name of an instrument", l.name)
		}
		if seen[l.name] < n/200 {
			t.Errorf("%s ticked %d times of %d", l.name, seen[l.name], n)
		}
		if len(distinct[l.name]) < 20 {
			t.Errorf("%s had only %d different prices in %d ticks", l.name, len(distinct[l.name]), seen[l.name])
		}
		if change := last[l.name]/l.price - 1; math.Abs(change) > 0.5 {
			t.Errorf("%s went from %v to %v in ten minutes", l.name, l.price, last[l.name])
		}
	}
	if got := n / total.Seconds(); got < rate/2 || got > rate*3 {
		t.Errorf("%.0f ticks a second at a rate of %d", got, rate)
	}
}

func TestPricesKeepTheirDecimals(t *testing.T) {
	decimals := map[string]int{}
	for _, l := range known {
		decimals[l.name] = l.decimals
	}
	for _, k := range ticks(3, 50, 2000) {
		_, fraction, _ := strings.Cut(string(k.Price), ".")
		if len(fraction) != decimals[k.Instrument] {
			t.Fatalf("%s at %s, want %d decimals", k.Instrument, k.Price, decimals[k.Instrument])
		}
	}
}

func TestBurstsAndQuietTimesHappen(t *testing.T) {
	perSecond := map[int]int{}
	var now time.Duration
	for _, k := range ticks(5, 100, 60000) {
		now += k.After
		if k.Instrument == "BTC_USDT" {
			perSecond[int(now.Seconds())]++
		}
	}
	var least, most = math.MaxInt, 0
	for s := range int(now.Seconds()) {
		least, most = min(least, perSecond[s]), max(most, perSecond[s])
	}
	if least > 4 || most < 60 {
		t.Errorf("between %d and %d ticks a second, want quiet ones and bursts around %d", least, most, 100*10/56)
	}
}

func TestAPriceNeverFallsToNothing(t *testing.T) {
	m := New(1, 1)
	s := &state{listing: listing{"X", 0.02, 2, 500, 1}, logPrice: math.Log(0.02), intensity: burstFactor}
	for range 10000 {
		s.idle = time.Hour
		if p := m.step(s); strings.Trim(string(p), "0.") == "" {
			t.Fatalf("price %s", p)
		}
	}
}
