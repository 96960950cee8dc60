package report

import (
	"encoding/csv"
	"io"
	"strconv"

	"backbone/internal/load"
)

// WriteCSV writes the course of the run. Fields of what was not measured are empty.
func WriteCSV(w io.Writer, r *load.Result) error {
	out := csv.NewWriter(w)
	rows := [][]string{{"t_s", "delivered_per_s", "conflated_per_s", "p50_ms", "p90_ms", "p99_ms", "p99_9_ms", "max_ms"}}
	number := func(v *float64) string {
		if v == nil {
			return ""
		}
		return strconv.FormatFloat(*v, 'f', 6, 64)
	}
	for _, in := range r.Series {
		at, delivered, conflated := in.TS, float64(in.Delivered)/r.IntervalS, float64(in.Conflated)/r.IntervalS
		rows = append(rows, []string{number(&at), number(&delivered), number(&conflated),
			number(in.P50), number(in.P90), number(in.P99), number(in.P999), number(in.Max)})
	}
	return out.WriteAll(rows)
}

// WriteHDR writes the latencies of consumers that read at full speed as a percentile
// distribution in milliseconds, in the format of HdrHistogram.
func WriteHDR(w io.Writer, r *load.Result) error {
	const ticksPerHalf = 5 // the resolution that HdrHistogram's own programs use
	_, err := r.Histograms.Consumers.PercentilesPrint(w, ticksPerHalf, 1e6)
	return err
}
