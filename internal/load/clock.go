package load

import (
	"sync/atomic"
	"time"
)

// clock tells the time of one run, in nanoseconds since its begin. Steps of the wall
// clock do not move it.
type clock struct{ begin time.Time }

func (c clock) now() time.Duration { return time.Since(c.begin) }

// stamp is the moment as an event carries it: Unix time in nanoseconds.
func (c clock) stamp(at time.Duration) int64 { return c.begin.UnixNano() + int64(at) }

// at is the moment of a stamp.
func (c clock) at(stamp int64) time.Duration { return time.Duration(stamp - c.begin.UnixNano()) }

// phase parts a run by what happens to the server.
type phase int32

const (
	phaseBefore phase = iota // all of a run without a storm
	phaseStorm
	phaseAfter
	phases
)

// stage is what the conductor tells all goroutines of a run. It alone writes, except where a
// comment names another writer.
type stage struct {
	clock    clock
	interval time.Duration // of the series

	measured atomic.Int64 // when measuring begins; by the clock
	over     atomic.Bool  // measuring has ended
	phase    atomic.Int32
	sent     atomic.Int64 // events so far; written by the publisher
}

// slot is the interval of the series that now lies in, negative during the warm-up.
func (s *stage) slot(now time.Duration) int {
	since := now - time.Duration(s.measured.Load())
	if since < 0 {
		return -1
	}
	return int(since / s.interval)
}
