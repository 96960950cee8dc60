package screen

import (
	"math"
	"slices"
	"strconv"
	"time"

	"backbone/client"
)

const (
	sampleEvery = time.Second // a point of a row's history, and a new rate
	historySize = 24          // points
)

// board is what the screen knows of its rooms. The caller passes the time.
type board struct {
	unit   time.Duration // of an event's ts; 0: unknown
	order  []string
	rows   map[string]*row
	total  uint64 // live events received
	missed uint64 // live events left out before others
	second struct {
		events    int
		latencies []time.Duration
	}
	shown rates // of the second before
}

// row is one instrument.
type row struct {
	instrument string
	price      client.Price  // empty before the first
	direction  int           // of the last change: -1, 0 or 1
	first      float64       // the first price
	value      float64       // the newest
	ticks      int           // in this second
	perSecond  int           // in the one before
	latency    time.Duration // of the newest event; 0 if unknown
	history    []float64     // oldest first
}

// rates are what the view shows of the second that passed.
type rates struct {
	events   int
	p50, p99 time.Duration // from publishing to receiving; 0 if unknown
}

func newBoard(instruments []string, unit time.Duration) *board {
	b := &board{unit: unit, order: instruments, rows: map[string]*row{}}
	for _, name := range instruments {
		b.rows[name] = &row{instrument: name}
	}
	return b
}

// update takes in an event.
func (b *board) update(u client.PriceUpdate, now time.Time) {
	r := b.rows[u.Instrument]
	if r == nil {
		return
	}
	value, err := strconv.ParseFloat(string(u.Price), 64)
	if err != nil {
		return
	}
	switch {
	case r.price == "":
		r.first = value
	case value > r.value:
		r.direction = 1
	case value < r.value:
		r.direction = -1
	}
	r.price, r.value = u.Price, value
	if u.Snapshot { // not a tick, and its time is past
		return
	}
	b.total++
	b.second.events++
	r.ticks++
	if b.unit > 0 {
		r.latency = max(now.Sub(time.Unix(0, u.TS*int64(b.unit))), 0)
		b.second.latencies = append(b.second.latencies, r.latency)
	}
}

// retire forgets the price of an instrument that has none any more.
func (b *board) retire(instrument string) {
	if b.rows[instrument] != nil {
		b.rows[instrument] = &row{instrument: instrument}
	}
}

// sample ends a second.
func (b *board) sample() {
	slices.Sort(b.second.latencies)
	b.shown = rates{b.second.events, quantile(b.second.latencies, 0.50), quantile(b.second.latencies, 0.99)}
	b.second.events, b.second.latencies = 0, b.second.latencies[:0]
	for _, r := range b.rows {
		r.perSecond, r.ticks = r.ticks, 0
		if r.price == "" {
			continue
		}
		if len(r.history) == historySize {
			r.history = r.history[1:]
		}
		r.history = append(r.history, r.value)
	}
}

// picture is a copy of what is shown, in the board's order.
func (b *board) picture() picture {
	p := picture{rates: b.shown, total: b.total, missed: b.missed}
	for _, name := range b.order {
		r := *b.rows[name]
		r.history = slices.Clone(r.history)
		p.rows = append(p.rows, r)
	}
	return p
}

// picture is what the board shows at one moment.
type picture struct {
	rates
	rows          []row
	total, missed uint64
}

// change is that since the first price, in per cent, to the two digits that are shown.
func (r *row) change() float64 {
	if r.first == 0 {
		return 0
	}
	if rounded := math.Round((r.value/r.first-1)*1e4) / 100; rounded != 0 {
		return rounded
	}
	return 0 // and not -0
}

func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}
