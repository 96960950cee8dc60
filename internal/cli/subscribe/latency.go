package subscribe

import (
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"backbone/client"
	"backbone/internal/human"
)

const (
	latencyEvery = time.Second
	maxLatency   = int64(time.Hour)
	// clockFault is how far in the future a price may have been taken in before it is said that
	// clocks differ: they are compared to the millisecond.
	clockFault = -2 * time.Millisecond
)

// latency measures how long ago the prices that come were taken in. A nil one measures nothing.
type latency struct {
	recent, all *hdrhistogram.Histogram // nanoseconds; since the last report, and of the whole run
	unstamped   int                     // live prices without a stamp
	behind      time.Duration           // the least latency if that is negative: this clock is behind at least so far
}

func newLatency() *latency {
	return &latency{recent: hdrhistogram.New(1, maxLatency, 2), all: hdrhistogram.New(1, maxLatency, 2)}
}

// take takes a price that came at now. A snapshot is as old as the market made it, and not counted.
func (l *latency) take(u client.PriceUpdate, now time.Time) {
	switch {
	case l == nil || u.Snapshot:
		return
	case u.Stamp == nil:
		l.unstamped++
		return
	}
	d := now.Sub(u.Stamp.At)
	l.behind = min(l.behind, d)
	ns := min(max(int64(d), 0), maxLatency)
	_ = l.recent.RecordValue(ns) // within the bounds, so it never fails
	_ = l.all.RecordValue(ns)
}

// second is the report of what came since the one before, empty if nothing came.
func (l *latency) second(conn *client.Conn) string {
	if l.recent.TotalCount() == 0 {
		return ""
	}
	line := "latency: " + percentiles(l.recent)
	if age, known := conn.Age(); known {
		ms := float64(age) / float64(time.Millisecond)
		line += ", age on the connection " + human.Millis(&ms)
	}
	l.recent.Reset()
	return line
}

// total is the report of the whole run, in lines.
func (l *latency) total() (lines []string) {
	if l.all.TotalCount() > 0 {
		lines = append(lines, "latency in all: "+percentiles(l.all))
	}
	if l.behind < clockFault {
		lines = append(lines, fmt.Sprintf("the clock here is at least %v behind that of an instance: the latencies are wrong", -l.behind.Round(time.Millisecond)))
	}
	if l.unstamped > 0 {
		lines = append(lines, human.Things(l.unstamped, "price")+" had no stamp and no latency: an instance is older than stamps")
	}
	return lines
}

func percentiles(h *hdrhistogram.Histogram) string {
	millis := func(ns int64) string { ms := float64(ns) / 1e6; return human.Millis(&ms) }
	return fmt.Sprintf("p50 %s, p99 %s, max %s of %s", millis(h.ValueAtPercentile(50)), millis(h.ValueAtPercentile(99)), millis(h.Max()),
		human.Things(int(h.TotalCount()), "price"))
}

// sayLatency says the latency of the whole run, if that is asked for.
func (sub *subscription) sayLatency() {
	if sub.latency == nil {
		return
	}
	for _, line := range sub.latency.total() {
		sub.Say("%s", line)
	}
}
