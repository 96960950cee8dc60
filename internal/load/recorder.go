package load

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// consumerKind is how a consumer of a run behaves.
type consumerKind int

const (
	normalConsumer consumerKind = iota
	slowConsumer
	stalledConsumer
	stormConsumer
	slowReader // its connection is read at ReadRate, where a slowConsumer reads events at SlowRate
	consumerKinds
)

// batch is what one consumer received within one interval and phase. The consumer owns it
// while filling it, and then the recorder.
type batch struct {
	kind      consumerKind
	phase     phase
	slot      int
	delivered int
	conflated int
	wrong     int
	latencies []int64 // nanoseconds: of measured events; of a slowReader, the age of what was read while measuring
}

// batchSize is the number of live events after which a batch is handed over.
const batchSize = 128

// recorder turns batches into histograms and a series. One goroutine runs it and
// owns all of it until it has ended.
type recorder struct {
	batches chan *batch // closed by the conductor once no consumer is left

	kinds  [consumerKinds]*hdrhistogram.Histogram
	phases [phases]*hdrhistogram.Histogram // of normal consumers
	series []*interval
	total  struct{ delivered, conflated, wrong int }
}

// interval is what was received in one interval of the series.
type interval struct {
	delivered int // live events, by all consumers
	conflated int
	latency   *hdrhistogram.Histogram // of normal consumers; nil: nothing was received
	age       *hdrhistogram.Histogram // of what slow readers read; nil: they read nothing
}

const (
	maxLatency   = int64(time.Hour)
	totalDigits  = 3 // significant ones of a latency
	seriesDigits = 2
)

func newLatencies(digits int) *hdrhistogram.Histogram { return hdrhistogram.New(1, maxLatency, digits) }

func newRecorder() *recorder {
	r := &recorder{batches: make(chan *batch, 1024)}
	for i := range r.kinds {
		r.kinds[i] = newLatencies(totalDigits)
	}
	for i := range r.phases {
		r.phases[i] = newLatencies(totalDigits)
	}
	return r
}

// run takes batches until their end. Each tick it calls show, which must return soon.
func (r *recorder) run(ticks <-chan time.Time, show func()) {
	for {
		select {
		case b, more := <-r.batches:
			if !more {
				return
			}
			r.take(b)
		case <-ticks:
			show()
		}
	}
}

func (r *recorder) take(b *batch) {
	r.total.delivered += b.delivered
	r.total.conflated += b.conflated
	r.total.wrong += b.wrong
	record(r.kinds[b.kind], b.latencies)
	if b.kind == normalConsumer {
		record(r.phases[b.phase], b.latencies)
	}
	if b.slot < 0 {
		return
	}
	in := r.interval(b.slot)
	in.delivered += b.delivered
	in.conflated += b.conflated
	switch b.kind {
	case normalConsumer:
		recordPart(&in.latency, b.latencies)
	case slowReader:
		recordPart(&in.age, b.latencies)
	}
}

// recordPart records latencies of one interval, whose histogram is made with the first.
func recordPart(h **hdrhistogram.Histogram, latencies []int64) {
	if *h == nil && len(latencies) > 0 {
		*h = newLatencies(seriesDigits)
	}
	record(*h, latencies)
}

func (r *recorder) interval(slot int) *interval {
	for len(r.series) <= slot {
		r.series = append(r.series, &interval{})
	}
	return r.series[slot]
}

func record(h *hdrhistogram.Histogram, latencies []int64) {
	for _, l := range latencies {
		_ = h.RecordValue(min(max(l, 0), maxLatency)) // within the histogram's bounds, so it never fails
	}
}
