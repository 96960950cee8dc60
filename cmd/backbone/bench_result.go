package main

import (
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// benchResult is what is reported of a run. Its JSON is what --json prints: times are in
// the unit that the name ends with, and null is a figure that was not measured.
type benchResult struct {
	Begun       time.Time     `json:"begun"`
	Command     string        `json:"command"`
	Machine     benchMachine  `json:"machine"`
	Settings    benchSettings `json:"settings"`
	MeasuredS   float64       `json:"measured_s"` // length of the measurement
	Interrupted bool          `json:"interrupted"`

	Connect   connectResult    `json:"connect"`
	Publish   publishResult    `json:"publish"`
	Delivery  deliveryResult   `json:"delivery"`
	Latency   latencyResult    `json:"latency_ms"`
	Storm     *stormResult     `json:"storm,omitempty"`
	Server    *processResult   `json:"server"` // null unless the run had a server of its own
	Tool      *processResult   `json:"tool"`
	Series    []intervalResult `json:"series"`
	IntervalS float64          `json:"interval_s"` // of the series
	Notes     []string         `json:"notes"`      // what to know when reading the figures

	curves []curve // for plots
}

// benchSettings are the flags that shape the load.
type benchSettings struct {
	URL           string   `json:"url"`
	ConsumeURLs   []string `json:"consume_urls"`
	OwnServer     bool     `json:"own_server"`
	Consumers     int      `json:"consumers"`
	Rooms         int      `json:"rooms"`
	Joins         int      `json:"joins"`
	Rate          float64  `json:"rate"` // 0: as fast as the server takes them
	Burst         int      `json:"burst"`
	Batch         bool     `json:"batch"`
	ForS          float64  `json:"for_s"`
	WarmupS       float64  `json:"warmup_s"`
	Slow          float64  `json:"slow"` // share
	SlowRate      float64  `json:"slow_rate"`
	Stalled       float64  `json:"stalled"` // share
	Storm         int      `json:"storm"`
	Seed          uint64   `json:"seed"`
	ReceiveBuffer int      `json:"receive_buffer"` // of a consumer's socket, bytes; -1: the system's own
}

// ConsumedFrom is where the consumers were connected.
func (s *benchSettings) ConsumedFrom() string { return strings.Join(s.ConsumeURLs, ", ") }

// percentiles are those of a histogram, in milliseconds; nil is a figure that does not
// exist, as nothing was recorded.
type percentiles struct {
	Count int64    `json:"count"`
	P50   *float64 `json:"p50"`
	P90   *float64 `json:"p90"`
	P99   *float64 `json:"p99"`
	P999  *float64 `json:"p99_9"`
	Max   *float64 `json:"max"`
	Mean  *float64 `json:"mean"`
}

func percentilesOf(h *hdrhistogram.Histogram) percentiles {
	if h == nil || h.TotalCount() == 0 {
		return percentiles{}
	}
	ms := func(ns float64) *float64 { v := ns / 1e6; return &v }
	at := func(p float64) *float64 { return ms(float64(h.ValueAtPercentile(p))) }
	return percentiles{
		Count: h.TotalCount(),
		P50:   at(50), P90: at(90), P99: at(99), P999: at(99.9),
		Max: ms(float64(h.Max())), Mean: ms(h.Mean()),
	}
}

type connectResult struct {
	Joined    int         `json:"joined"`
	Failed    int         `json:"failed"`
	TookS     float64     `json:"took_s"`
	PerSecond float64     `json:"per_second"`
	LatencyMS percentiles `json:"latency_ms"` // of connecting and joining, by one consumer
	Error     string      `json:"error,omitempty"`
}

type publishResult struct {
	Due         int         `json:"due"`  // events of the measurement by the rate that was asked for
	Sent        int         `json:"sent"` // those that were sent
	PerSecond   float64     `json:"per_second"`
	LatenessMS  percentiles `json:"lateness_ms"` // of sending, against the schedule
	Rejected    int         `json:"rejected"`
	Rejection   string      `json:"rejection,omitempty"` // the first
	Disconnects int         `json:"disconnects"`
}

type deliveryResult struct {
	PerSecond  float64 `json:"per_second"` // events received while measuring, by all consumers
	Delivered  uint64  `json:"delivered"`  // in the whole run, as are all that follow
	Snapshots  uint64  `json:"snapshots"`
	Conflated  uint64  `json:"conflated"` // left out, and the consumer was told
	Lost       uint64  `json:"lost"`      // left out without a word
	Missed     uint64  `json:"missed_disconnected"`
	Duplicated uint64  `json:"duplicated"`
	OutOfOrder uint64  `json:"out_of_order"`
	Miscounted uint64  `json:"miscounted"` // told to be left out, and were not
	Malformed  uint64  `json:"malformed"`

	ConflatedNormal    uint64 `json:"conflated_normal"` // those of consumers that read at full speed
	Unfinished         int    `json:"unfinished"`       // consumers that did not get the last event of each room in time
	Disconnects        int    `json:"disconnects"`
	SlowDisconnects    int    `json:"slow_disconnects"`           // those of slow consumers among them
	DisconnectError    string `json:"disconnect_error,omitempty"` // the last
	StalledConsumers   int    `json:"stalled_consumers"`
	StalledDisconnects int    `json:"stalled_disconnects"`
}

type latencyResult struct {
	Consumers percentiles  `json:"consumers"`       // those that read at full speed
	Slow      *percentiles `json:"slow,omitempty"`  // those that do not
	Storm     *percentiles `json:"storm,omitempty"` // those that came with the storm
}

// stormResult is how the storm went, and what the consumers that were there before felt.
type stormResult struct {
	connectResult
	StartS float64     `json:"start_s"` // since the measurement began
	Before percentiles `json:"before_ms"`
	During percentiles `json:"during_ms"`
	After  percentiles `json:"after_ms"`
}

// processResult is what a process used while measuring.
type processResult struct {
	CPUS              float64  `json:"cpu_s"` // seconds of one core
	Cores             float64  `json:"cores"` // busy, on average
	RSSBytes          int      `json:"rss_bytes"`
	DeliveriesPerCPUS *float64 `json:"deliveries_per_cpu_s,omitempty"`
	BytesPerConsumer  *float64 `json:"rss_bytes_per_consumer,omitempty"` // what RSS grew by as they connected
}

type intervalResult struct {
	TS        float64 `json:"t_s"` // begin, since the measurement began
	Delivered int     `json:"delivered"`
	Conflated int     `json:"conflated"`
	percentiles
}

// Wrong is the number of events, or consumers, with which something went wrong.
func (r *benchResult) Wrong() uint64 {
	d := r.Delivery
	n := d.Lost + d.Missed + d.Duplicated + d.OutOfOrder + d.Miscounted + d.Malformed + uint64(r.Publish.Rejected)
	if r.Storm != nil {
		n += uint64(r.Storm.Failed)
	}
	return n
}
