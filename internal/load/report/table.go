// Package report words the result of a load run: a table for people, a page with plots, and
// files for other programs. bench uses it.
package report

import (
	"fmt"
	"strings"

	"backbone/internal/human"
	"backbone/internal/load"
)

// width is that of the table: no line breaks in a terminal of 80 columns.
const width = 79

// Table is the result for people.
func Table(r *load.Result) string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		for _, part := range wrapped(fmt.Sprintf(format, args...), width-len(fmt.Sprintf(left, name))) {
			fmt.Fprintf(&b, left+"%s\n", name, part)
			name = ""
		}
	}
	line("load", "%s", asked(&r.Settings))
	if to := r.Settings; to.OwnServer {
		line("server", "one of this run's own, at %s", to.URL)
	} else if from := to.ConsumedFrom(); from != to.URL {
		line("server", "published to %s, consumed from %s", to.URL, from)
	} else {
		line("server", "%s", to.URL)
	}
	line("connected", "%s", connected(&r.Connect))
	if s := r.Storm; s != nil {
		line("storm", "%s, %.1f s into the measurement", connected(&s.Connect), s.StartS)
	}
	b.WriteByte('\n')
	p := r.Publish
	line("published", "%s events in %.1f s, %s/s; sent late by p99 %s, max %s", human.Group(p.Sent), r.MeasuredS, human.Count(p.PerSecond), human.Millis(p.LatenessMS.P99), human.Millis(p.LatenessMS.Max))
	if p.Rejected > 0 {
		line("", "%s were REJECTED: %s", human.Group(p.Rejected), p.Rejection)
	}
	d := r.Delivery
	line("delivered", "%s/s to all consumers; %s in the whole run", human.Count(d.PerSecond), human.Group(d.Delivered))
	line("conflated", "%s left out for slow consumers, who were told", human.Group(d.Conflated))
	line("wrong", "%s", wrongs(&d))
	if d.Disconnects > 0 {
		line("", "%s connections were lost: %s", human.Group(d.Disconnects), d.DisconnectError)
	}
	if d.StalledConsumers > 0 {
		line("stalled", "%s consumers read nothing; the server disconnected them %s times", human.Group(d.StalledConsumers), human.Group(d.StalledDisconnects))
	}
	if s := r.Readers; s != nil {
		line("cut off", "%s of %s", human.Group(s.CutOff), human.Things(r.Settings.SlowReaders, "slow reader"))
	}
	b.WriteString("\n" + latencies(r))
	if s := r.Readers; s != nil {
		b.WriteString("\n" + ages(s))
	}
	if s := r.Server; s != nil {
		b.WriteByte('\n')
		text := used(s)
		if s.DeliveriesPerCPUS != nil {
			text += fmt.Sprintf("; %s deliveries per second of a core", human.Count(*s.DeliveriesPerCPUS))
		}
		if s.BytesPerConsumer != nil {
			text += fmt.Sprintf("; connecting took %.1f KiB a consumer", *s.BytesPerConsumer/1024)
		}
		line("server", "%s", text)
	}
	if r.Tool != nil {
		line("this tool", "%s", used(r.Tool))
	}
	for _, n := range r.Notes {
		line("note", "%s", n)
	}
	return b.String()
}

// left is the column of names.
const left = "%-11s "

// wrapped is text in lines, each as long as it may be; after a comma or semicolon, if there is one in
// its second half. A word that is longer stays whole.
func wrapped(text string, most int) (lines []string) {
	for len(text) > most {
		end := strings.LastIndexByte(text[:most+1], ' ')
		if end < 0 {
			if end = strings.IndexByte(text, ' '); end < 0 {
				break
			}
		} else if i := max(strings.LastIndex(text[:end], ", "), strings.LastIndex(text[:end], "; ")); i > most/2 {
			end = i + 1
		}
		lines, text = append(lines, text[:end]), text[end+1:]
	}
	return append(lines, text)
}

// asked is what was asked for, in one line.
func asked(s *load.Settings) string {
	text := fmt.Sprintf("%s, %s", human.Things(s.Consumers, "consumer"), human.Things(s.Rooms, "room"))
	if s.Joins > 1 {
		text += fmt.Sprintf(" (%d each)", s.Joins)
	}
	if s.Rate > 0 {
		text += fmt.Sprintf(", %s events/s", human.Count(s.Rate))
	} else {
		text += ", as many events as the server takes"
	}
	if s.Burst > 1 {
		text += fmt.Sprintf(" in bursts of %s", human.Group(s.Burst))
	}
	if s.Batch {
		text += ", a message each"
	}
	if s.Slow > 0 {
		text += fmt.Sprintf(", %v slow (%v/s)", load.Share(s.Slow), s.SlowRate)
	}
	if s.Stalled > 0 {
		text += fmt.Sprintf(", %v stalled", load.Share(s.Stalled))
	}
	if s.SlowReaders > 0 {
		text += fmt.Sprintf(", %s (%v/s each)", human.Things(s.SlowReaders, "slow reader"), load.ByteRate(s.ReadRate))
	}
	if s.Storm > 0 {
		text += fmt.Sprintf(", a storm of %s", human.Group(s.Storm))
	}
	return text
}

// connected is how consumers connected, in one line.
func connected(c *load.Connect) string {
	text := fmt.Sprintf("%s in %.2f s (%s/s); each took p50 %s, p99 %s, max %s", human.Things(c.Joined, "consumer"), c.TookS, human.Count(c.PerSecond),
		human.Millis(c.LatencyMS.P50), human.Millis(c.LatencyMS.P99), human.Millis(c.LatencyMS.Max))
	if c.Failed > 0 {
		text += fmt.Sprintf("; %s FAILED: %s", human.Group(c.Failed), c.Error)
	}
	return text
}

// wrongs names every promise that could be broken, broken or not.
func wrongs(d *load.Delivery) string {
	var parts []string
	for _, part := range []struct {
		what  string
		n     uint64
		usual bool // also shown where it is 0
	}{
		{"lost", d.Lost, true}, {"duplicated", d.Duplicated, true}, {"out of order", d.OutOfOrder, true},
		{"missed while disconnected", d.Missed, false}, {"counted as left out and were not", d.Miscounted, false}, {"malformed", d.Malformed, false},
	} {
		if part.n > 0 || part.usual {
			parts = append(parts, fmt.Sprintf("%s %s", human.Group(part.n), part.what))
		}
	}
	return strings.Join(parts, ", ")
}

// latencies is the table of latencies.
func latencies(r *load.Result) string { return percentiles("publish to receive", rows(r)) }

// ages is the table of how old prices were when they were read.
func ages(s *load.Readers) string {
	return percentiles("age when read", []latencyRow{{"slow readers", s.Age}})
}

// percentiles is a table of rows.
func percentiles(title string, all []latencyRow) string {
	const cells = "%-22s%9s%9s%9s%9s%9s%12s\n"
	var b strings.Builder
	fmt.Fprintf(&b, cells, title, "p50", "p90", "p99", "p99.9", "max", "events")
	for _, l := range all {
		p := l.Percentiles
		fmt.Fprintf(&b, cells, l.Name, human.Millis(p.P50), human.Millis(p.P90), human.Millis(p.P99), human.Millis(p.P999), human.Millis(p.Max), human.Group(p.Count))
	}
	return b.String()
}

type latencyRow struct {
	Name string
	load.Percentiles
}

// rows are the latencies that a run has measured.
func rows(r *load.Result) []latencyRow {
	all := []latencyRow{{"consumers", r.Latency.Consumers}}
	if s := r.Storm; s != nil {
		all = append(all, latencyRow{"  before the storm", s.Before}, latencyRow{"  during", s.During}, latencyRow{"  after", s.After})
		all = append(all, latencyRow{"consumers of the storm", *r.Latency.Storm})
	}
	if r.Latency.Slow != nil {
		all = append(all, latencyRow{"slow consumers", *r.Latency.Slow})
	}
	return all
}

func used(p *load.Process) string {
	return fmt.Sprintf("%.2f cores, %.0f MiB", p.Cores, float64(p.RSSBytes)/(1<<20))
}
