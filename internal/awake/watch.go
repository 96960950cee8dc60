package awake

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"
)

const (
	lookEvery = 100 * time.Millisecond // the period of most limits of CPU time
	leastLate = 20 * time.Millisecond  // less is what any machine with some work does
	tellLate  = time.Second            // that is worth a line of the log
	tellAgain = time.Minute
)

// A Watch notices that this process stands still: that it does not run although it is to. It was stopped,
// its limit of CPU time is used up, the machine has too much to do, or is paused. Its methods are safe for
// concurrent use by multiple goroutines.
type Watch struct {
	log   *slog.Logger // immutable
	stood atomic.Int64 // nanoseconds; written by Run

	quiet time.Time // until then nothing is logged. Owned by Run
}

// NewWatch returns a Watch that tells log once a minute at most.
func NewWatch(log *slog.Logger) *Watch { return &Watch{log: log} }

// Run watches until ctx ends.
func (w *Watch) Run(ctx context.Context) {
	timer := time.NewTimer(lookEvery)
	defer timer.Stop()
	for {
		due := time.Now().Add(lookEvery)
		timer.Reset(lookEvery)
		select {
		case <-timer.C:
			w.look(due, time.Now())
		case <-ctx.Done():
			return
		}
	}
}

// look is late if this process did not run.
func (w *Watch) look(due, now time.Time) {
	late := now.Sub(due)
	if late < leastLate {
		return
	}
	stood := w.stood.Add(int64(late))
	if late >= tellLate && !now.Before(w.quiet) {
		w.quiet = now.Add(tellAgain)
		w.log.Warn("this process stood still: it was stopped, or got no CPU time; look at its CPU limit and at the load of the machine",
			"for", late.Round(time.Millisecond), "in_all", time.Duration(stood).Round(time.Millisecond))
	}
}

// Stood is how long this process stood still in all, in times of at least 20 ms. Of each, up to 0.1 s are
// not noticed.
func (w *Watch) Stood() time.Duration { return time.Duration(w.stood.Load()) }
