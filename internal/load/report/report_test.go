package report

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/HdrHistogram/hdrhistogram-go"

	"backbone/internal/load"
)

// sample is the result of a run of one second that went wrong in part.
func sample() *load.Result {
	ms := func(v float64) *float64 { return &v }
	latency := load.Percentiles{Count: 1500, P50: ms(0.25), P90: ms(1), P99: ms(2.5), P999: ms(3), Max: ms(1200), Mean: ms(0.4)}
	h := hdrhistogram.New(1, int64(time.Hour), 3)
	for i := range int64(1500) {
		_ = h.RecordValue(i * 1000)
	}
	return &load.Result{
		Begun: time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC), Command: "backbone bench <x>", MeasuredS: 1, IntervalS: 0.5,
		Machine:  load.Machine{CPU: "a model", Cores: 2},
		Settings: load.Settings{URL: "ws://h:1", ConsumeURLs: []string{"ws://h:2"}, Consumers: 1, Rooms: 2000, Joins: 2, Rate: 1500, Slow: 0.1, SlowRate: 5, SlowReaders: 10, ReadRate: 20_000},
		Connect:  load.Connect{Joined: 1, TookS: 0.5, PerSecond: 2, LatencyMS: latency},
		Publish:  load.Publish{Due: 1500, Sent: 1500, PerSecond: 1500, LatenessMS: latency},
		Delivery: load.Delivery{PerSecond: 1500, Delivered: 1600, Lost: 7, Conflated: 40},
		Readers:  &load.Readers{Age: latency, CutOff: 3},
		Latency:  load.Latency{Consumers: latency, Slow: &load.Percentiles{}},
		Series: []load.Interval{
			{Delivered: 700, Percentiles: latency}, {TS: 0.5, Delivered: 800, Conflated: 40, Percentiles: latency, Age: &latency}, {TS: 1},
		},
		Notes:      []string{"a note"},
		Histograms: load.Histograms{Consumers: h, Slow: hdrhistogram.New(1, 1000, 3)},
	}
}

func TestTheTableNamesWhatWasMeasured(t *testing.T) {
	got := Table(sample())
	for _, want := range []string{
		"load        1 consumer, 2,000 rooms (2 each), 1,500 events/s,\n            10% slow (5/s), 10 slow readers (20KB/s each)\n",
		"server      published to ws://h:1, consumed from ws://h:2\n",
		"connected   1 consumer in 0.50 s (2.00/s); each took p50 250 us,\n            p99 2.50 ms, max 1.20 s\n",
		"wrong       7 lost, 0 duplicated, 0 out of order\n",
		"consumers                250 us  1.00 ms  2.50 ms  3.00 ms   1.20 s       1,500\n",
		"slow consumers                -        -        -        -        -           0\n",
		"cut off     3 of 10 slow readers\n",
		"slow readers             250 us  1.00 ms  2.50 ms  3.00 ms   1.20 s       1,500\n",
		"note        a note\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

func TestTheTableFits80Columns(t *testing.T) {
	r := sample()
	ms := 99_999.0
	r.Latency.Consumers = load.Percentiles{P50: &ms, P90: &ms, P99: &ms, P999: &ms, Max: &ms, Count: 999_999_999}
	r.Notes = []string{strings.Repeat("a long note, ", 20) + strings.Repeat("x", 60)}
	r.Publish.Rejected, r.Publish.Rejection = 3, strings.Repeat("some reason ", 20)
	for line := range strings.Lines(Table(r)) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 79 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	if got := wrapped("one "+strings.Repeat("x", 90)+" two three", 20); !slices.Equal(got, []string{"one", strings.Repeat("x", 90), "two three"}) {
		t.Errorf("a long word: %q", got)
	}
}

func TestThePageHasAllPlots(t *testing.T) {
	var b bytes.Buffer
	if err := WriteHTML(&b, sample()); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, want := range []string{
		`<p class="verdict bad">7 lost, 0 duplicated, 0 out of order</p>`, "backbone bench &lt;x&gt;", "<li>a note</li>",
		"<h2>Latency by percentile</h2>", "<h2>Throughput over time</h2>", "<h2>Latency over time</h2>",
		"<title>0.5 s: 1,600 events/s delivered, 80/s conflated</title>", "<td>slow consumers</td>",
		"<h2>Age over time</h2>", "<td>slow readers</td>", "<dd>3 of 10 slow readers</dd>",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in the page", want)
		}
	}
	if n := strings.Count(page, `<div class="drawing"><svg`); n != 4 || !strings.Contains(page, "@media (max-width: 700px)") {
		t.Errorf("%d drawings that a telephone can move, want 4", n)
	}
	if n := strings.Count(page, `<path class=`); n != 2+2+3+3 {
		t.Errorf("%d curves, want 10", n)
	}
	if strings.Contains(page, "1.0 s: ") {
		t.Error("an interval in which nothing came is drawn")
	}
}

func TestTheFilesHaveAllRows(t *testing.T) {
	var csv, hdr bytes.Buffer
	if err := WriteCSV(&csv, sample()); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(csv.String()), "\n")
	if len(lines) != 4 || lines[2] != "0.500000,1600.000000,80.000000,0.250000,1.000000,2.500000,3.000000,1200.000000" || !strings.HasSuffix(lines[3], ",,,,,") {
		t.Errorf("csv:\n%s", &csv)
	}
	if err := WriteHDR(&hdr, sample()); err != nil || !strings.Contains(hdr.String(), "1500") {
		t.Errorf("error %v, percentiles:\n%s", err, &hdr)
	}
}
