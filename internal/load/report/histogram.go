package report

import (
	"fmt"
	"math"
	"strings"

	"github.com/HdrHistogram/hdrhistogram-go"

	"backbone/internal/human"
	"backbone/internal/load"
)

// Sizes of a histogram on a terminal.
const (
	maxBars  = 12
	barWidth = 48
)

// Histogram is how the latencies of consumers that read at full speed are distributed, as bars for a
// terminal of 80 columns; empty if nothing was measured. Each bar is of the events between the bound of the
// bar above and its own; bounds grow by one factor, a power of two.
func Histogram(r *load.Result) string {
	h := r.Histograms.Consumers
	if h == nil || h.TotalCount() == 0 {
		return ""
	}
	bounds, counts := buckets(h)
	most := int64(0)
	for _, n := range counts {
		most = max(most, n)
	}
	var b strings.Builder
	b.WriteString("how many events took how long\n")
	for i, n := range counts {
		ms := bounds[i] / 1e6
		fmt.Fprintf(&b, "below %8s  %-*s  %6s\n", human.Millis(&ms), barWidth, bar(float64(n)/float64(most), barWidth), share(n, h.TotalCount()))
	}
	return b.String()
}

// buckets divides the values of h, in nanoseconds, among at most maxBars.
func buckets(h *hdrhistogram.Histogram) (bounds []float64, counts []int64) {
	const least = 1000.0 // what is faster than a microsecond is one bar
	low, high := max(least, float64(h.Min())), max(least, float64(h.Max()))
	first, last := math.Floor(math.Log2(low/least)), math.Floor(math.Log2(high/least))
	step := max(1, math.Ceil((last-first+1)/maxBars))
	for e := first; e <= last; e += step {
		bounds = append(bounds, least*math.Exp2(e+step))
	}
	counts = make([]int64, len(bounds))
	for _, part := range h.Distribution() {
		i := 0
		for i < len(bounds)-1 && float64(part.From) >= bounds[i] {
			i++
		}
		counts[i] += part.Count
	}
	return bounds, counts
}

// bar is a bar of some width that is filled to a part from 0 to 1. Whatever is above 0 shows.
func bar(part float64, width int) string {
	const eighths = "▏▎▍▌▋▊▉"
	if part <= 0 {
		return ""
	}
	n := max(1, int(part*float64(width)*8+0.5))
	text := strings.Repeat("█", n/8)
	if n%8 > 0 {
		text += string([]rune(eighths)[n%8-1])
	}
	return text
}

// share is n as a part of all.
func share(n, all int64) string {
	percent := 100 * float64(n) / float64(all)
	switch {
	case n == 0:
		return "-"
	case percent < 0.01:
		return "<0.01%"
	case percent < 1:
		return fmt.Sprintf("%.2f%%", percent)
	}
	return fmt.Sprintf("%.1f%%", percent)
}
