package watch

import (
	"math"
	"strconv"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"backbone/client"
)

const (
	sampleEvery = time.Second // a point of a row's history, and new rates
	historySize = 300         // points
	maxLatency  = int64(time.Hour)
	// clockFault is how far in the future a price may have been taken in before it is said that clocks
	// differ: they are compared to the millisecond.
	clockFault = -2 * time.Millisecond
)

// state is what is known of a room that has no price.
type state int

const (
	waiting state = iota // for the answer to the join
	unknown              // the server knows no last price
	retired
)

// row is one room.
type row struct {
	room      string
	price     client.Price // the text that was sent; empty if there is none
	first     client.Price // since the watch began, or since it was retired
	low, high client.Price
	direction int       // of the last change: -1, 0 or 1
	changed   time.Time // when it was; zero if never
	received  time.Time // when the price came
	older     time.Duration
	ageless   bool // a snapshot without a stamp: the price is older than received says
	ts        int64
	data      string
	stamp     client.Stamp  // of the price; zero if it has none
	latency   time.Duration // of the newest live price; 0 is unknown
	updates   uint64        // live prices that came
	perSecond int           // in the second before
	ticks     int           // in this second
	conflated uint64        // live prices that were left out before others
	missed    uint64        // and those published without a connection; at least
	chats     uint64        // chat messages, which are not shown
	silent    bool          // by the server's measure
	since     time.Time     // of silent
	state     state         // if there is no price

	// history are the prices at the end of each second, oldest first. Points are added and never
	// changed, so a copy of the row may be read while the row goes on.
	history []client.Price
}

// age is how long ago the price was published or, of a last known one, at least. ok is false without a price.
func (r *row) age(now time.Time) (age time.Duration, ok bool) {
	return max(now.Sub(r.received), 0) + r.older, r.price != ""
}

// change is that since the first price, in per cent; 0 where that is none.
func (r *row) change() float64 {
	if change := r.price.Change(r.first); !math.IsNaN(change) {
		return change * 100
	}
	return 0
}

// number is a price for a chart.
func number(price client.Price) float64 {
	v, _ := strconv.ParseFloat(string(price), 64)
	return v
}

// link is what is known of the connection and of the server behind it.
type link struct {
	lost     error // why there is no connection; nil while there is one
	since    time.Time
	attempt  int
	degraded bool // the server's bridge to the other instances
	bridge   time.Time
	outages  int
	moves    int
}

// board is what is known of the rooms. The caller passes the time.
type board struct {
	rows      map[string]*row
	order     []string // of joining
	link      link
	events    uint64 // live events that came
	ticks     int    // in this second
	recent    *hdrhistogram.Histogram
	behind    time.Duration // the least latency if that is negative: this clock is behind at least so far
	unstamped uint64        // live prices without a stamp
	conflated uint64
	shown     totals // of the second before
	began     time.Time
	notice    string // the last thing worth a line
	noticed   time.Time
	second    uint64               // counts seconds
	filter    *client.ChangeFilter // nil: each price is shown
}

// totals are figures of all rooms.
type totals struct {
	perSecond int
	p50, p99  time.Duration // 0 is unknown
}

func newBoard(now time.Time) *board {
	return &board{rows: map[string]*row{}, recent: hdrhistogram.New(1, maxLatency, 2), began: now}
}

// add has a row for the room.
func (b *board) add(room string) {
	if b.rows[room] == nil {
		b.rows[room] = &row{room: room}
		b.order = append(b.order, room)
	}
}

// remove takes the row of a room away.
func (b *board) remove(room string) {
	if b.rows[room] == nil {
		return
	}
	delete(b.rows, room)
	for i, name := range b.order {
		if name == room {
			b.order = append(b.order[:i:i], b.order[i+1:]...)
			return
		}
	}
}

// price takes in a price of a room that is watched.
func (b *board) price(u client.PriceUpdate, now time.Time) {
	r := b.rows[u.Instrument]
	if r == nil { // it was left meanwhile
		return
	}
	if b.filter != nil && !b.filter.Pass(u) && r.price != "" { // it is live
		r.received, r.older, r.ageless = now, 0, false
		b.tick(r, u, now)
		return
	}
	if r.price == "" {
		r.first, r.low, r.high = u.Price, u.Price, u.Price
	} else {
		direction := u.Price.Cmp(r.price)
		if direction != 0 {
			r.direction, r.changed = direction, now
		}
		switch {
		case direction > 0 && u.Price.Cmp(r.high) > 0:
			r.high = u.Price
		case direction < 0 && u.Price.Cmp(r.low) < 0:
			r.low = u.Price
		}
	}
	r.price, r.ts, r.data, r.received, r.older, r.ageless = u.Price, u.TS, string(u.Data), now, 0, false
	r.stamp = client.Stamp{}
	if u.Stamp != nil {
		r.stamp = *u.Stamp
	}
	if u.Snapshot { // not a tick
		r.older, r.ageless = r.stamp.Age, u.Stamp == nil
		return
	}
	b.tick(r, u, now)
}

// tick counts a live price.
func (b *board) tick(r *row, u client.PriceUpdate, now time.Time) {
	b.events++
	b.ticks++
	r.updates++
	r.ticks++
	if u.Stamp == nil {
		b.unstamped++
		r.latency = 0
		return
	}
	latency := now.Sub(u.Stamp.At)
	b.behind = min(b.behind, latency)
	r.latency = max(latency, time.Microsecond) // 0 is unknown
	_ = b.recent.RecordValue(min(int64(r.latency), maxLatency))
}

// sample ends a second.
func (b *board) sample() {
	b.shown = totals{perSecond: b.ticks}
	if b.recent.TotalCount() > 0 {
		b.shown.p50, b.shown.p99 = time.Duration(b.recent.ValueAtPercentile(50)), time.Duration(b.recent.ValueAtPercentile(99))
	}
	b.ticks = 0
	b.recent.Reset()
	b.second++
	for _, r := range b.rows {
		r.perSecond, r.ticks = r.ticks, 0
		if r.price == "" {
			continue
		}
		if len(r.history) == cap(r.history) {
			kept := r.history[max(0, len(r.history)-historySize):]
			r.history = append(make([]client.Price, 0, min(2*len(kept)+16, historySize+historySize/4)), kept...)
		}
		r.history = append(r.history, r.price)
	}
}

// picture is what is known at one moment.
type picture struct {
	totals
	link
	at        time.Time
	began     time.Time
	second    uint64
	rows      []row // in the order of joining
	events    uint64
	conflated uint64
	unstamped uint64
	behind    time.Duration
	notice    string
	noticed   time.Time
}

func (b *board) picture(now time.Time) picture {
	p := picture{
		totals: b.shown, link: b.link, at: now, began: b.began, second: b.second, rows: make([]row, 0, len(b.order)),
		events: b.events, conflated: b.conflated, unstamped: b.unstamped, behind: b.behind, notice: b.notice, noticed: b.noticed,
	}
	for _, room := range b.order {
		p.rows = append(p.rows, *b.rows[room])
	}
	return p
}
