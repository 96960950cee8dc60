package report

import (
	"fmt"

	"backbone/internal/human"
	"backbone/internal/load"
)

// Size of a plot's drawing and of the room around its axes, in the drawing's units.
const (
	plotWidth, plotHeight = 860.0, 280.0
	plotLeft, plotRight   = 68.0, 28.0
	plotTop, plotBottom   = 12.0, 40.0
)

// plot is a drawing as the template wants it.
type plot struct {
	Title, About string
	XName        string
	Width        float64
	Height       float64
	Left, Right  float64 // of the area between the axes
	Top, Bottom  float64
	XTicks       []plotTick
	YTicks       []plotTick
	Lines        []plotLine
	Areas        []plotArea
	Empty        bool // nothing was measured
}

type plotTick struct {
	At    float64
	Label string
}

type plotLine struct {
	Name, Path string
	Class      string
}

// plotArea is a part of the width that shows its figures when pointed at.
type plotArea struct {
	X, Width float64
	Text     string
}

// Depth is the height of the area between the axes.
func (p plot) Depth() float64 { return p.Bottom - p.Top }

func newPlot(title, about, xName string, x, y *axis, curves []curve, classes ...string) plot {
	p := plot{
		Title: title, About: about, XName: xName, Width: plotWidth, Height: plotHeight,
		Left: plotLeft, Right: plotWidth - plotRight, Top: plotTop, Bottom: plotHeight - plotBottom,
	}
	if x == nil || y == nil {
		p.Empty = true
		return p
	}
	for _, t := range x.ticks {
		p.XTicks = append(p.XTicks, plotTick{x.at(t.value), t.label})
	}
	for _, t := range y.ticks {
		p.YTicks = append(p.YTicks, plotTick{y.at(t.value), t.label})
	}
	for i := range curves {
		p.Lines = append(p.Lines, plotLine{curves[i].name, curves[i].path(x, y), classes[i]})
	}
	return p
}

func xAxisTo(high float64) *axis {
	return linearAxis(high, false, plotLeft, plotWidth-plotRight, func(v float64) string { return fmt.Sprintf("%g s", roundTick(v)) })
}

// milliAxis is a vertical logarithmic axis around the curves; nil if they hold nothing.
func milliAxis(curves []curve) *axis {
	low, high := 0.0, 0.0
	for _, c := range curves {
		for _, p := range c.points {
			if p.y > 0 {
				if low == 0 || p.y < low {
					low = p.y
				}
				high = max(high, p.y)
			}
		}
	}
	if low == 0 {
		return nil
	}
	return logAxis(low, high, plotHeight-plotBottom, plotTop, shortMillis)
}

func plots(r *load.Result) []plot {
	all := []plot{percentilePlot(r), throughputPlot(r), latencyPlot(r)}
	if r.Readers != nil {
		all = append(all, agePlot(r))
	}
	return all
}

func percentilePlot(r *load.Result) plot {
	curves := distributions(r.Histograms)
	var x *axis
	high := 0.0
	for _, c := range curves {
		for _, p := range c.points {
			high = max(high, p.x)
		}
	}
	if high > 0 {
		x = percentileAxis(high, plotLeft, plotWidth-plotRight)
	}
	return newPlot("Latency by percentile", "From the moment an event was due to the moment a consumer had it.",
		"share of the events that were at least as fast", x, milliAxis(curves), curves, "a", "b", "c")
}

func throughputPlot(r *load.Result) plot {
	delivered, conflated := curve{name: "delivered"}, curve{name: "conflated"}
	high, told := 0.0, false
	for _, in := range plotted(r) {
		middle := in.TS + r.IntervalS/2
		delivered.points = append(delivered.points, point{middle, float64(in.Delivered) / r.IntervalS})
		conflated.points = append(conflated.points, point{middle, float64(in.Conflated) / r.IntervalS})
		high = max(high, float64(in.Delivered)/r.IntervalS, float64(in.Conflated)/r.IntervalS)
		told = told || in.Conflated > 0
	}
	curves := []curve{delivered}
	if told {
		curves = append(curves, conflated)
	}
	var x, y *axis
	if high > 0 {
		x, y = xAxisTo(plottedTo(r)), linearAxis(high, true, plotHeight-plotBottom, plotTop, shortCount)
	}
	p := newPlot("Throughput over time", "Events a second, added up over all consumers.", "time since the measurement began", x, y, curves, "a", "b")
	tell(r, &p, x, func(in load.Interval) string {
		text := fmt.Sprintf("%s events/s delivered", human.Count(float64(in.Delivered)/r.IntervalS))
		if in.Conflated > 0 {
			text += fmt.Sprintf(", %s/s conflated", human.Count(float64(in.Conflated)/r.IntervalS))
		}
		return text
	})
	return p
}

func latencyPlot(r *load.Result) plot {
	return coursePlot(r, "Latency over time", "Of the events received in each interval, by consumers that read at full speed.",
		func(in load.Interval) load.Percentiles { return in.Percentiles })
}

func agePlot(r *load.Result) plot {
	return coursePlot(r, "Age over time", "How old the prices were that slow readers read in each interval.",
		func(in load.Interval) load.Percentiles {
			if in.Age == nil {
				return load.Percentiles{}
			}
			return *in.Age
		})
}

// coursePlot has the percentiles that of picks from each interval.
func coursePlot(r *load.Result, title, about string, of func(load.Interval) load.Percentiles) plot {
	curves := []curve{{name: "p50"}, {name: "p99"}, {name: "max"}}
	for _, in := range plotted(r) {
		figures := of(in)
		for i, v := range []*float64{figures.P50, figures.P99, figures.Max} {
			p := point{in.TS + r.IntervalS/2, nothing}
			if v != nil {
				p.y = *v
			}
			curves[i].points = append(curves[i].points, p)
		}
	}
	var x *axis
	y := milliAxis(curves)
	if y != nil {
		x = xAxisTo(plottedTo(r))
	}
	p := newPlot(title, about, "time since the measurement began", x, y, curves, "a", "b", "c")
	tell(r, &p, x, func(in load.Interval) string {
		figures := of(in)
		return fmt.Sprintf("p50 %s, p99 %s, max %s", human.Millis(figures.P50), human.Millis(figures.P99), human.Millis(figures.Max))
	})
	return p
}

// plotted are the intervals of the measurement, and those after it in which consumers
// that read at full speed still received something.
func plotted(r *load.Result) []load.Interval {
	n := len(r.Series)
	for n > 0 && r.Series[n-1].Count == 0 && r.Series[n-1].TS >= r.MeasuredS-r.IntervalS/2 {
		n--
	}
	return r.Series[:n]
}

// plottedTo is the end of what is plotted, in seconds.
func plottedTo(r *load.Result) float64 { return float64(len(plotted(r))) * r.IntervalS }

// tell adds what is told of each interval.
func tell(r *load.Result, p *plot, x *axis, text func(load.Interval) string) {
	if p.Empty {
		return
	}
	for _, in := range plotted(r) {
		from, to := x.at(in.TS), x.at(in.TS+r.IntervalS)
		p.Areas = append(p.Areas, plotArea{from, to - from, fmt.Sprintf("%.1f s: %s", in.TS, text(in))})
	}
}
