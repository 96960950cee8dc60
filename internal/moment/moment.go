// Package moment tells the time by two clocks at once: one that measures, and one that people
// and other machines know and can set.
package moment

import "time"

// Time is one moment.
type Time struct {
	// Steady is the time since the program started, by the monotonic clock, which nobody can
	// set. What lasts is measured by it. It means nothing to other processes. A moment before
	// the start is negative.
	Steady time.Duration
	// UnixMS is the wall clock, Unix milliseconds. It may jump, back too, so no difference of
	// two of them is a duration.
	UnixMS int64
}

var start = time.Now()

// Now is the present.
func Now() Time { return of(time.Now()) }

func of(t time.Time) Time { return Time{Steady: t.Sub(start), UnixMS: t.UnixMilli()} }

// Add is t and a time later, if nobody sets the wall clock.
func (t Time) Add(d time.Duration) Time {
	return Time{Steady: t.Steady + d, UnixMS: t.UnixMS + d.Milliseconds()}
}

// Since is how long ago a moment was, by its Steady.
func (t Time) Since(steady time.Duration) time.Duration { return t.Steady - steady }
