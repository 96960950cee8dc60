package ping

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"backbone/internal/cli"
	"backbone/internal/human"
)

const maxTrip = int64(time.Hour)

// report prints the pings and sums them up.
type report struct {
	streams cli.Streams
	json    bool
	server  string
	sent    int
	trips   *hdrhistogram.Histogram // nanoseconds
}

func newReport(s cli.Streams, json bool, server string) *report {
	return &report{streams: s, json: json, server: server, trips: hdrhistogram.New(1, maxTrip, 3)}
}

// pong is a ping in JSON, answered or not.
type pong struct {
	Type  string   `json:"type"` // pong, or lost
	N     int      `json:"n"`    // from 1
	MS    *float64 `json:"ms,omitempty"`
	Cause string   `json:"cause,omitempty"`
}

// summary is all pings in JSON. Times are milliseconds, and absent if nothing was answered.
type summary struct {
	Type     string   `json:"type"` // summary
	Sent     int      `json:"sent"`
	Answered int      `json:"answered"`
	Min      *float64 `json:"min_ms,omitempty"`
	Avg      *float64 `json:"avg_ms,omitempty"`
	P99      *float64 `json:"p99_ms,omitempty"`
	Max      *float64 `json:"max_ms,omitempty"`
}

func (r *report) say(format string, args ...any) { r.streams.Say("backbone: "+format, args...) }

func (r *report) answered(n int, took time.Duration) error {
	r.sent++
	_ = r.trips.RecordValue(min(max(int64(took), 1), maxTrip)) // within the bounds, so it never fails
	return r.print(pong{Type: "pong", N: n, MS: inMillis(int64(took))}, fmt.Sprintf("pong %d from %s: %s", n, r.server, millis(took)))
}

func (r *report) unanswered(n int, cause string) error {
	r.sent++
	return r.print(pong{Type: "lost", N: n, Cause: cause}, fmt.Sprintf("ping %d: %s", n, cli.Printable(cause)))
}

// end prints the sum. The error has the exit code for it.
func (r *report) end() error {
	answered := int(r.trips.TotalCount())
	s := summary{Type: "summary", Sent: r.sent, Answered: answered}
	text := fmt.Sprintf("%s, %s answered", human.Things(r.sent, "ping"), human.Group(answered))
	if answered > 0 {
		s.Min, s.Max, s.P99 = inMillis(r.trips.Min()), inMillis(r.trips.Max()), inMillis(r.trips.ValueAtPercentile(99))
		s.Avg = inMillis(int64(r.trips.Mean()))
		text += fmt.Sprintf(": min %s, avg %s, p99 %s, max %s", human.Millis(s.Min), human.Millis(s.Avg), human.Millis(s.P99), human.Millis(s.Max))
	}
	if err := r.print(s, text); err != nil {
		return err
	}
	switch {
	case r.sent > 0 && answered == 0:
		return &cli.ExitError{Code: cli.ExitNoData}
	case answered < r.sent:
		return &cli.ExitError{Code: cli.ExitRejected}
	}
	return nil
}

func (r *report) print(object any, text string) error {
	if !r.json {
		return r.streams.Print([]byte(text + "\n"))
	}
	line, err := json.Marshal(object)
	if err != nil {
		return err
	}
	return r.streams.Print(append(line, '\n'))
}

func inMillis(ns int64) *float64 {
	ms := float64(ns) / 1e6
	return &ms
}

func millis(d time.Duration) string { return human.Millis(inMillis(int64(d))) }
