package report

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/HdrHistogram/hdrhistogram-go"

	"backbone/internal/load"
)

func TestAComparisonSaysWhatChanged(t *testing.T) {
	before, after := sample(), sample()
	ms := func(v float64) *float64 { return &v }
	after.Latency.Consumers.P99, after.Latency.Consumers.P50 = ms(3.1), ms(0.255)
	after.Latency.Consumers.Max = ms(4800)
	after.Delivery.PerSecond, after.Delivery.Conflated, after.Delivery.Lost = 3000, 0, 9
	before.Server, after.Server = &load.Process{Cores: 0.1, RSSBytes: 30 << 20}, &load.Process{Cores: 0.3, RSSBytes: 30 << 20}
	after.Settings.Rate, after.Machine.Cores = 2000, 4
	c := Compare(before, after)
	text := c.Text("a.json", "b.json")
	for _, want := range []string{
		"first       a.json\nsecond      b.json\n",
		"not alike   the first had 1 consumer, 2,000 rooms",
		"not alike   the first was made on a model, 2 cores; the second on a model,\n            4 cores\n",
		"latency p99: 24% slower, 3.10 ms after 2.50 ms\n",
		"latency max: 4.0 times as long, 4.80 s after 1.20 s\n",
		"delivered/s: 2.0 times as much, 3,000 after 1,500\n",
		"conflated: 100% fewer, 0 after 40\n",
		"wrong: 29% more, 9 after 7\n",
		"server's cores: 3.0 times as much, 0.30 after 0.10\n",
		"the same within 5%: latency p50, latency p99.9,",
		"latency p99               2.50 ms        3.10 ms       +24.0%\n",
		"server's memory            30 MiB         30 MiB            -\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for line := range strings.Lines(text) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 79 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	after.Delivery, before.Delivery = load.Delivery{Lost: 1}, load.Delivery{}
	if text := Compare(before, after).Text("a", "b"); !strings.Contains(text, "wrong: more, 1 after 0") || !strings.Contains(text, "new\n") {
		t.Errorf("of what there was nothing of before:\n%s", text)
	}
	if same := Compare(before, before); len(same.Unlike) > 0 || strings.Contains(same.Text("a", "b"), "%)") || !strings.Contains(same.Text("a", "b"), "the same within 5%: latency p50") {
		t.Errorf("a run and itself: %s", same.Text("a", "b"))
	}
}

func TestAHistogramHasAllEventsInBarsThatFit(t *testing.T) {
	r := sample()
	for _, values := range [][]int64{{5}, {1, 3_600_000_000_000}, {250_000, 250_000, 251_000, 500_000, 90_000_000}, {1000, 2000, 4000, 8000}} {
		h := hdrhistogram.New(1, 3_600_000_000_000, 3)
		for _, v := range values {
			_ = h.RecordValue(v)
		}
		_, counts := buckets(h)
		sum := int64(0)
		for _, n := range counts {
			sum += n
		}
		if sum != int64(len(values)) || len(counts) > maxBars {
			t.Errorf("%v: %v", values, counts)
		}
		r.Histograms.Consumers = h
		for line := range strings.Lines(Histogram(r)) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > width {
				t.Errorf("%d columns: %s", n, line)
			}
		}
	}
	h := hdrhistogram.New(1, 1_000_000_000, 3)
	for range 1000 {
		_ = h.RecordValue(300_000)
	}
	_ = h.RecordValue(700_000)
	r.Histograms.Consumers = h
	if got := Histogram(r); !strings.Contains(got, "\nbelow   512 us  "+strings.Repeat("█", barWidth)+"   99.9%\n") || !strings.Contains(got, "\nbelow  1.02 ms  ▏ ") || !strings.Contains(got, "0.10%\n") {
		t.Errorf("%s", got)
	}
	r.Histograms.Consumers = nil
	if got := Histogram(r); got != "" {
		t.Errorf("of nothing: %s", got)
	}
}
