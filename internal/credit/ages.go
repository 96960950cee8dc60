package credit

import (
	"sync/atomic"
	"time"
)

// ageBounds are the upper bounds of what Ages counts apart.
var ageBounds = [...]time.Duration{
	100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond, time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2500 * time.Millisecond,
	5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute,
}

// Ages counts how old events were where that is measured, such as what consumers read: one measurement
// for each mark that was answered. It is safe for concurrent use by multiple goroutines.
type Ages struct {
	counts [len(ageBounds) + 1]atomic.Uint64
	sum    atomic.Int64 // nanoseconds
}

// Observe counts a measurement.
func (a *Ages) Observe(age time.Duration) {
	i := 0
	for i < len(ageBounds) && age > ageBounds[i] {
		i++
	}
	a.counts[i].Add(1)
	a.sum.Add(int64(age))
}

// Read returns the number of measurements, their sum in seconds, and for each bound in seconds
// how many were not above it.
func (a *Ages) Read() (count uint64, sum float64, buckets map[float64]uint64) {
	buckets = make(map[float64]uint64, len(ageBounds))
	for i, bound := range ageBounds {
		count += a.counts[i].Load()
		buckets[bound.Seconds()] = count
	}
	count += a.counts[len(ageBounds)].Load()
	return count, time.Duration(a.sum.Load()).Seconds(), buckets
}
