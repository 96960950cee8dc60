package load

import (
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Result is what is reported of a run. Its JSON is a format that others read: times are in
// the unit that the name ends with, and null is a figure that was not measured.
type Result struct {
	Begun       time.Time `json:"begun"`
	Command     string    `json:"command"` // set by the caller
	Machine     Machine   `json:"machine"` // set by the caller
	Settings    Settings  `json:"settings"`
	MeasuredS   float64   `json:"measured_s"` // length of the measurement
	Interrupted bool      `json:"interrupted"`

	Connect   Connect    `json:"connect"`
	Publish   Publish    `json:"publish"`
	Delivery  Delivery   `json:"delivery"`
	Latency   Latency    `json:"latency_ms"`
	Readers   *Readers   `json:"slow_readers,omitempty"` // nil without slow readers
	Storm     *Storm     `json:"storm,omitempty"`
	Server    *Process   `json:"server"` // null unless the run had a server of its own
	Tool      *Process   `json:"tool"`
	Series    []Interval `json:"series"`
	IntervalS float64    `json:"interval_s"` // of the series
	Notes     []string   `json:"notes"`      // what to know when reading the figures; set by the caller

	Histograms Histograms `json:"-"`
}

// Histograms are the latencies in full, in nanoseconds.
type Histograms struct {
	Consumers             *hdrhistogram.Histogram // of consumers that read at full speed
	Slow                  *hdrhistogram.Histogram // nil without slow consumers
	Before, During, After *hdrhistogram.Histogram // those of Consumers around a storm; nil without one
}

// Machine is where a run was made.
type Machine struct {
	CPU     string `json:"cpu,omitempty"` // model; empty where the system does not tell
	Cores   int    `json:"cores"`
	Go      string `json:"go"`
	System  string `json:"system"` // with the kernel's version, where the system tells
	Version string `json:"version"`
}

// Settings are what was asked for.
type Settings struct {
	URL           string   `json:"url"`
	ConsumeURLs   []string `json:"consume_urls"`
	OwnServer     bool     `json:"own_server"` // set by the caller
	Consumers     int      `json:"consumers"`
	Rooms         int      `json:"rooms"`
	Joins         int      `json:"joins"`
	Rate          float64  `json:"rate"` // 0: as fast as the server accepts them
	Burst         int      `json:"burst"`
	Batch         bool     `json:"batch"`
	ForS          float64  `json:"for_s"`
	WarmupS       float64  `json:"warmup_s"`
	Slow          float64  `json:"slow"` // share
	SlowRate      float64  `json:"slow_rate"`
	Stalled       float64  `json:"stalled"` // share
	SlowReaders   int      `json:"slow_readers"`
	ReadRate      float64  `json:"read_rate"` // of a slow reader, bytes a second
	Storm         int      `json:"storm"`
	Seed          uint64   `json:"seed"`
	ReceiveBuffer int      `json:"receive_buffer"` // of a consumer's socket, bytes; -1: the system's own
}

// ConsumedFrom is where the consumers were connected.
func (s *Settings) ConsumedFrom() string { return strings.Join(s.ConsumeURLs, ", ") }

// Percentiles are those of a histogram, in milliseconds. A figure is nil if nothing was
// recorded.
type Percentiles struct {
	Count int64    `json:"count"`
	P50   *float64 `json:"p50"`
	P90   *float64 `json:"p90"`
	P99   *float64 `json:"p99"`
	P999  *float64 `json:"p99_9"`
	Max   *float64 `json:"max"`
	Mean  *float64 `json:"mean"`
}

func percentilesOf(h *hdrhistogram.Histogram) Percentiles {
	if h == nil || h.TotalCount() == 0 {
		return Percentiles{}
	}
	ms := func(ns float64) *float64 { v := ns / 1e6; return &v }
	at := func(p float64) *float64 { return ms(float64(h.ValueAtPercentile(p))) }
	return Percentiles{
		Count: h.TotalCount(),
		P50:   at(50), P90: at(90), P99: at(99), P999: at(99.9),
		Max: ms(float64(h.Max())), Mean: ms(h.Mean()),
	}
}

// Connect is how a number of consumers connected and joined.
type Connect struct {
	Joined    int         `json:"joined"`
	Failed    int         `json:"failed"`
	TookS     float64     `json:"took_s"`
	PerSecond float64     `json:"per_second"`
	LatencyMS Percentiles `json:"latency_ms"` // of connecting and joining, by one consumer
	Error     string      `json:"error,omitempty"`
}

// Publish is what was published.
type Publish struct {
	Due         int         `json:"due"`  // events of the measurement by the rate that was asked for
	Sent        int         `json:"sent"` // those that were sent
	PerSecond   float64     `json:"per_second"`
	LatenessMS  Percentiles `json:"lateness_ms"` // of sending, against the schedule
	Rejected    int         `json:"rejected"`
	Rejection   string      `json:"rejection,omitempty"` // the first
	Disconnects int         `json:"disconnects"`
}

// Delivery is what all consumers together received.
type Delivery struct {
	PerSecond  float64 `json:"per_second"` // events received while measuring, by all consumers
	Delivered  uint64  `json:"delivered"`  // in the whole run, like the counts below
	Snapshots  uint64  `json:"snapshots"`
	Conflated  uint64  `json:"conflated"` // left out, and the consumer was told
	Lost       uint64  `json:"lost"`      // left out, and the consumer was not told
	Missed     uint64  `json:"missed_disconnected"`
	Duplicated uint64  `json:"duplicated"`
	OutOfOrder uint64  `json:"out_of_order"`
	Miscounted uint64  `json:"miscounted"` // reported as left out, but not left out
	Malformed  uint64  `json:"malformed"`

	ConflatedNormal    uint64 `json:"conflated_normal"` // those of consumers that read at full speed
	Unfinished         int    `json:"unfinished"`       // consumers that did not get the last event of each room in time
	Disconnects        int    `json:"disconnects"`
	SlowDisconnects    int    `json:"slow_disconnects"`           // those of slow consumers among them
	DisconnectError    string `json:"disconnect_error,omitempty"` // the last
	StalledConsumers   int    `json:"stalled_consumers"`
	StalledDisconnects int    `json:"stalled_disconnects"`
}

// Latency is how long events took from the moment they were due to the moment a consumer had them.
type Latency struct {
	Consumers Percentiles  `json:"consumers"`       // those that read at full speed
	Slow      *Percentiles `json:"slow,omitempty"`  // those that do not
	Storm     *Percentiles `json:"storm,omitempty"` // those that came with the storm
}

// Readers is how the slow readers fared. The age of a price is the time from the moment it
// was due to the moment it was read.
type Readers struct {
	Age       Percentiles `json:"age_ms"`    // of the prices that were read while measuring
	CutOff    int         `json:"cut_off"`   // readers that lost their connection at least once
	Conflated uint64      `json:"conflated"` // left out for slow readers, who were told
}

// Storm is how the storm went, and what the consumers that were there before felt.
type Storm struct {
	Connect
	StartS float64     `json:"start_s"` // since the measurement began
	Before Percentiles `json:"before_ms"`
	During Percentiles `json:"during_ms"`
	After  Percentiles `json:"after_ms"`
}

// Process is what a process used while measuring.
type Process struct {
	CPUS              float64  `json:"cpu_s"` // seconds of one core
	Cores             float64  `json:"cores"` // busy, on average
	RSSBytes          int      `json:"rss_bytes"`
	DeliveriesPerCPUS *float64 `json:"deliveries_per_cpu_s,omitempty"`
	BytesPerConsumer  *float64 `json:"rss_bytes_per_consumer,omitempty"` // what RSS grew by as they connected
}

// Interval is one part of the series.
type Interval struct {
	TS          float64      `json:"t_s"` // begin, since the measurement began
	Delivered   int          `json:"delivered"`
	Conflated   int          `json:"conflated"`
	Percentiles              // latency
	Age         *Percentiles `json:"age_ms,omitempty"` // of what slow readers read
}

// Wrong is the number of events, or consumers, with which something went wrong.
func (r *Result) Wrong() uint64 {
	d := r.Delivery
	n := d.Lost + d.Missed + d.Duplicated + d.OutOfOrder + d.Miscounted + d.Malformed + uint64(r.Publish.Rejected)
	if r.Storm != nil {
		n += uint64(r.Storm.Failed)
	}
	return n
}
