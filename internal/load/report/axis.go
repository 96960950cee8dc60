package report

import (
	"fmt"
	"math"
	"strings"

	"github.com/HdrHistogram/hdrhistogram-go"

	"backbone/internal/load"
)

// curve is one line of a plot. A point without a value breaks it.
type curve struct {
	name   string
	points []point
}

type point struct{ x, y float64 }

var nothing = math.NaN()

// axis maps values to a length in the drawing.
type axis struct {
	low, high float64
	log       bool
	from, to  float64 // in the drawing
	ticks     []axisTick
}

type axisTick struct {
	value float64
	label string
}

func (a *axis) at(v float64) float64 {
	low, high := a.low, a.high
	if a.log {
		v, low, high = math.Log10(max(v, a.low)), math.Log10(low), math.Log10(high)
	}
	return a.from + (v-low)/(high-low)*(a.to-a.from)
}

// linearAxis is from 0 to a round number above high, or to high itself.
func linearAxis(high float64, round bool, from, to float64, label func(float64) string) *axis {
	step := math.Pow10(int(math.Floor(math.Log10(max(high, 1e-9)))))
	for _, finer := range []float64{5, 2} {
		if high/(step/finer) <= 8 {
			step /= finer
			break
		}
	}
	a := &axis{high: high, from: from, to: to}
	for i := 0; ; i++ {
		v := float64(i) * step
		if v > high && !round {
			return a
		}
		a.ticks = append(a.ticks, axisTick{v, label(v)})
		if v >= high {
			a.high = v
			return a
		}
	}
}

// logAxis is from a round number below low to one above high.
func logAxis(low, high, from, to float64, label func(float64) string) *axis {
	const most = 9 // labels
	a := &axis{log: true, from: from, to: to}
	for _, steps := range [][]float64{{1, 2, 5}, {1}} {
		values := rounds(low, high, steps)
		a.low, a.high, a.ticks = values[0], values[len(values)-1], nil
		for _, v := range values {
			a.ticks = append(a.ticks, axisTick{v, label(v)})
		}
		if len(values) <= most {
			break
		}
	}
	return a
}

// rounds are the powers of ten, multiplied with each step, from the last that is not
// above low to the first above high.
func rounds(low, high float64, steps []float64) []float64 {
	var values []float64
	for e := int(math.Floor(math.Log10(low))); ; e++ {
		for _, step := range steps {
			v := step * math.Pow10(e)
			if v <= low {
				values = values[:0]
			}
			values = append(values, v)
			if v > high {
				return values
			}
		}
	}
}

// percentileAxis has 1/(1-p) on it, so that each further nine takes the same width.
func percentileAxis(high, from, to float64) *axis {
	a := &axis{log: true, from: from, to: to, low: 1, high: max(high, 100)}
	for nines := 0; math.Pow10(nines) <= a.high; nines++ {
		a.ticks = append(a.ticks, axisTick{math.Pow10(nines), percentileName(nines)})
	}
	return a
}

func percentileName(nines int) string {
	switch nines {
	case 0:
		return "0%"
	case 1:
		return "90%"
	case 2:
		return "99%"
	}
	return "99." + strings.Repeat("9", nines-2) + "%"
}

// distribution is the curve of a histogram over 1/(1-p), in milliseconds. It ends with
// the greatest value that a percentile tells apart from the maximum.
func distribution(name string, h *hdrhistogram.Histogram) curve {
	c := curve{name: name}
	if h.TotalCount() == 0 {
		return c
	}
	for _, b := range h.CumulativeDistributionWithTicks(10) {
		if p := b.Quantile / 100; p < 1 {
			c.points = append(c.points, point{1 / (1 - p), float64(b.ValueAt) / 1e6})
		}
	}
	if n := len(c.points); n > 0 {
		c.points = append(c.points, point{max(float64(h.TotalCount()), c.points[n-1].x), float64(h.Max()) / 1e6})
	}
	return c
}

// path is a curve as the data of an SVG path.
func (c *curve) path(x, y *axis) string {
	var b strings.Builder
	begin := true
	for _, p := range c.points {
		if math.IsNaN(p.y) {
			begin = true
			continue
		}
		command := "L"
		if begin {
			command, begin = "M", false
		}
		fmt.Fprintf(&b, "%s%.1f %.1f", command, x.at(p.x), y.at(p.y))
		if command == "M" {
			b.WriteString("h0") // a point alone is seen too
		}
	}
	return b.String()
}

// distributions are the curves of a run's latencies.
func distributions(h load.Histograms) []curve {
	if h.Before != nil {
		return []curve{
			distribution("before the storm", h.Before),
			distribution("during the storm", h.During),
			distribution("after the storm", h.After),
		}
	}
	curves := []curve{distribution("consumers", h.Consumers)}
	if h.Slow != nil {
		curves = append(curves, distribution("slow consumers", h.Slow))
	}
	return curves
}

// Labels of axes.

func shortMillis(ms float64) string {
	switch {
	case ms < 0.9:
		return fmt.Sprintf("%g us", roundTick(ms*1000))
	case ms < 900:
		return fmt.Sprintf("%g ms", roundTick(ms))
	}
	return fmt.Sprintf("%g s", roundTick(ms/1000))
}

func shortCount(n float64) string {
	switch {
	case n >= 1e6:
		return fmt.Sprintf("%gM", roundTick(n/1e6))
	case n >= 1e3:
		return fmt.Sprintf("%gk", roundTick(n/1e3))
	}
	return fmt.Sprintf("%g", roundTick(n))
}

// roundTick takes away what adding up steps has left behind the last digit.
func roundTick(v float64) float64 { return math.Round(v*1e6) / 1e6 }
