package screen

import (
	"slices"
	"testing"
	"time"

	"backbone/client"
)

var start0 = time.UnixMicro(1_700_000_000_000_000)

// priced is an event that was published at the given time after start0.
func priced(instrument, price string, after time.Duration) client.PriceUpdate {
	return client.PriceUpdate{Instrument: instrument, Price: client.Price(price), TS: start0.Add(after).UnixMicro()}
}

func TestTheBoardFollowsPrices(t *testing.T) {
	b := newBoard([]string{"A", "B"}, time.Microsecond)
	b.update(client.PriceUpdate{Instrument: "A", Price: "90", Snapshot: true}, start0)
	b.update(priced("A", "100", 0), start0.Add(2*time.Millisecond))
	b.update(priced("A", "80", 0), start0.Add(1*time.Millisecond))
	b.update(priced("A", "80", time.Second), start0) // the clock went back
	b.update(priced("C", "1", 0), start0)            // nobody asked for it
	b.missed += 3
	b.sample()
	p := b.picture()
	if len(p.rows) != 2 || p.rows[0].instrument != "A" || p.rows[1].price != "" {
		t.Fatalf("rows %+v", p.rows)
	}
	a := p.rows[0]
	if a.price != "80" || a.direction != -1 || a.perSecond != 3 || a.latency != 0 {
		t.Errorf("row %+v, want 80 and falling, after three ticks", a)
	}
	if change := a.change(); change < -11.12 || change > -11.11 {
		t.Errorf("change %v, want -11.11%% since 90", change)
	}
	if p.total != 3 || p.events != 3 || p.missed != 3 || p.p50 != time.Millisecond || p.p99 != 2*time.Millisecond {
		t.Errorf("total %d, last second %+v", p.total, p.rates)
	}
	b.sample()
	if p := b.picture(); p.events != 0 || p.p99 != 0 || p.rows[0].perSecond != 0 || len(p.rows[0].history) != 2 || p.total != 3 {
		t.Errorf("after a second without events: %+v", p)
	}
	for range 2 * historySize {
		b.sample()
	}
	if got := len(b.picture().rows[0].history); got != historySize {
		t.Errorf("history of %d points, want %d", got, historySize)
	}
}

func TestAPictureDoesNotChange(t *testing.T) {
	b := newBoard([]string{"A"}, time.Microsecond)
	b.update(priced("A", "1", 0), start0)
	b.sample()
	p := b.picture()
	b.update(priced("A", "2", 0), start0)
	for range 2 * historySize {
		b.sample()
	}
	if p.rows[0].price != "1" || len(p.rows[0].history) != 1 || p.rows[0].history[0] != 1 {
		t.Errorf("picture is now %+v", p.rows[0])
	}
}

func TestSparkline(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   string
	}{
		{nil, "    "},
		{[]float64{5}, "   ▅"},
		{[]float64{5, 5}, "  ▅▅"},
		{[]float64{1, 2, 3}, " ▁▄█"},
		{[]float64{9, 1, 2, 3, 8}, "▁▂▃█"},
	} {
		if got := Sparkline(c.values, 4); got != c.want {
			t.Errorf("%v: %q, want %q", c.values, got, c.want)
		}
	}
}

func TestChart(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   []string
	}{
		{nil, []string{"   ", "   "}},
		{[]float64{5}, []string{"  ▁", "  █"}},
		{[]float64{1, 2, 3}, []string{"  █", "▁██"}},
		{[]float64{0, 1, 2, 3}, []string{"  █", "▁██"}},
		{[]float64{1, 2, 2.5}, []string{" ▃█", "▁██"}},
	} {
		if got := Chart(c.values, 3, 2); !slices.Equal(got, c.want) {
			t.Errorf("%v: %q, want %q", c.values, got, c.want)
		}
	}
}

func TestTheUnitOfTimesIsTheCallers(t *testing.T) {
	for unit, want := range map[time.Duration]time.Duration{time.Millisecond: 2 * time.Second, time.Nanosecond: 2 * time.Microsecond, 0: 0} {
		b := newBoard([]string{"A"}, unit)
		sent := time.Unix(1000, 0)
		ts := int64(1)
		if unit > 0 {
			ts = sent.UnixNano() / int64(unit)
		}
		b.update(client.PriceUpdate{Instrument: "A", Price: "1", TS: ts}, sent.Add(2000*unit))
		b.sample()
		if p := b.picture(); p.events != 1 || p.rows[0].latency != want || p.p99 != want {
			t.Errorf("unit %v: latency %v, p99 %v, want %v", unit, p.rows[0].latency, p.p99, want)
		}
	}
}
