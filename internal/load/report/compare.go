package report

import (
	"fmt"
	"math"
	"strings"

	"backbone/internal/human"
	"backbone/internal/load"
)

// Alike is up to which part two figures are the same in words: runs of one program differ as much.
const Alike = 0.05

// Change is how a figure of two runs differs.
type Change struct {
	Name          string
	Before, After float64
	Worse         float64 // by which part it is worse, below 0: better; infinite where there was nothing of it
	Judged        bool    // it says whether the second run is worse
	text          func(float64) string
	better        string // what a change for the better is called
	worse         string
}

// Comparison is how two runs differ.
type Comparison struct {
	Changes []Change
	Unlike  []string // what makes the runs hard to compare
}

// Compare compares a run with one that was made after it. What was not measured in both is left out.
func Compare(before, after *load.Result) Comparison {
	c := Comparison{Unlike: unlike(before, after)}
	add := func(name string, of func(*load.Result) *float64, less, judged bool, text func(float64) string, words ...string) {
		a, b := of(before), of(after)
		if a == nil || b == nil {
			return
		}
		change := Change{Name: name, Before: *a, After: *b, Judged: judged, text: text, better: words[0], worse: words[1]}
		if *a != *b {
			change.Worse = (*b - *a) / math.Abs(*a)
			if !less {
				change.Worse = -change.Worse
			}
		}
		c.Changes = append(c.Changes, change)
	}
	whole := func(v float64) string { return human.Group(uint64(v)) }
	millis := func(v float64) string { return human.Millis(&v) }
	latency := func(name string, judged bool, of func(load.Percentiles) *float64) {
		add(name, func(r *load.Result) *float64 { return of(r.Latency.Consumers) }, true, judged, millis, "faster", "slower")
	}
	latency("latency p50", true, func(p load.Percentiles) *float64 { return p.P50 })
	latency("latency p99", true, func(p load.Percentiles) *float64 { return p.P99 })
	latency("latency p99.9", false, func(p load.Percentiles) *float64 { return p.P999 })
	latency("latency max", false, func(p load.Percentiles) *float64 { return p.Max })
	more := []string{"more", "less"}
	add("published/s", func(r *load.Result) *float64 { return &r.Publish.PerSecond }, false, true, human.Count, more...)
	add("delivered/s", func(r *load.Result) *float64 { return &r.Delivery.PerSecond }, false, true, human.Count, more...)
	less := []string{"fewer", "more"}
	add("conflated", func(r *load.Result) *float64 { return number(r.Delivery.Conflated) }, true, false, whole, less...)
	add("wrong", func(r *load.Result) *float64 { return number(r.Wrong()) }, true, true, whole, less...)
	add("connecting p99", func(r *load.Result) *float64 { return r.Connect.LatencyMS.P99 }, true, false, millis, "faster", "slower")
	less = []string{"less", "more"}
	server := func(of func(*load.Process) *float64) func(*load.Result) *float64 {
		return func(r *load.Result) *float64 {
			if r.Server == nil {
				return nil
			}
			return of(r.Server)
		}
	}
	add("server's cores", server(func(p *load.Process) *float64 { return &p.Cores }), true, false, func(v float64) string { return fmt.Sprintf("%.2f", v) }, less...)
	add("server's memory", server(func(p *load.Process) *float64 { return number(uint64(p.RSSBytes)) }), true, false,
		func(v float64) string { return fmt.Sprintf("%.0f MiB", v/(1<<20)) }, less...)
	add("deliveries/core-s", server(func(p *load.Process) *float64 { return p.DeliveriesPerCPUS }), false, false, human.Count, more...)
	return c
}

func number(n uint64) *float64 { v := float64(n); return &v }

// unlike are the settings that are not those of the other run, and where they were made.
func unlike(a, b *load.Result) (all []string) {
	if one, other := asked(&a.Settings), asked(&b.Settings); one != other {
		all = append(all, "the first had "+one+"; the second "+other)
	}
	if one, other := a.Settings.ForS, b.Settings.ForS; one != other {
		all = append(all, fmt.Sprintf("the first was to measure for %g s, the second for %g s", one, other))
	}
	place := func(m load.Machine) string {
		return strings.Trim(fmt.Sprintf("%s, %d cores, %s", m.CPU, m.Cores, m.System), ", ")
	}
	if one, other := place(a.Machine), place(b.Machine); one != other {
		all = append(all, "the first was made on "+one+"; the second on "+other)
	}
	if a.Interrupted || b.Interrupted {
		all = append(all, "a run was interrupted")
	}
	return all
}

// Text is the comparison for people: what changed in words, then all figures. a and b name the runs.
func (c Comparison) Text(a, b string) string {
	var s strings.Builder
	say := func(name, text string) {
		for _, part := range wrapped(text, width-len(fmt.Sprintf(left, name))) {
			fmt.Fprintf(&s, left+"%s\n", name, part)
			name = ""
		}
	}
	say("first", a)
	say("second", b)
	for _, text := range c.Unlike {
		say("not alike", text)
	}
	s.WriteByte('\n')
	same := []string(nil)
	for _, one := range c.Changes {
		if text := one.words(); text != "" {
			say("", one.Name+": "+text)
		} else {
			same = append(same, one.Name)
		}
	}
	if len(same) > 0 {
		say("", fmt.Sprintf("the same within %.0f%%: ", 100*Alike)+strings.Join(same, ", "))
	}
	const cells = "%-18s %14s %14s %12s\n"
	fmt.Fprintf(&s, "\n"+cells, "", "first", "second", "difference")
	for _, one := range c.Changes {
		fmt.Fprintf(&s, cells, one.Name, one.text(one.Before), one.text(one.After), one.difference())
	}
	return s.String()
}

// words say how much better or worse it became; empty: it did not.
func (c *Change) words() string {
	if math.Abs(c.Worse) <= Alike {
		return ""
	}
	word := c.better
	if c.Worse > 0 {
		word = c.worse
	}
	by := ""
	switch part := math.Abs(c.Worse); {
	case math.IsInf(part, 0):
	case word == "slower" && part >= 1: // more than twice the time
		by = fmt.Sprintf("%.1f times as long, ", 1+part)
		word = ""
	case word == "more" && part >= 1:
		by = fmt.Sprintf("%.1f times as much, ", 1+part)
		word = ""
	default:
		by = fmt.Sprintf("%.0f%% ", 100*part)
	}
	text := by + word
	if word != "" {
		text += ", "
	}
	return text + c.text(c.After) + " after " + c.text(c.Before)
}

// difference is the change of the figure, whether that is good or bad.
func (c *Change) difference() string {
	if c.Before == c.After {
		return "-"
	}
	if c.Before == 0 {
		return "new"
	}
	return fmt.Sprintf("%+.1f%%", 100*(c.After-c.Before)/c.Before)
}
