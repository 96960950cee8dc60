package ingest

import (
	"log/slog"
	"time"

	"backbone/internal/moment"
)

// maxSkew is how far ahead of local time a version may be before it is reported.
const maxSkew = 5 * time.Second

// maxForeign is the newest clock that this one moves past, a thousand years ahead.
// Instances accept versions far beyond it. So an instance that was shown nonsense still
// gives versions that all others accept.
const maxForeign = 1 << 61

// skewQuiet is the time without a version too far ahead after which the next such version
// is logged again.
const skewQuiet = time.Minute

// clock is a hybrid logical clock (Kulkarni et al., "Logical Physical Clocks", 2014):
// the wall clock in milliseconds << 16, plus a counter that carries into it. It is never
// behind a clock that it was shown.
type clock struct {
	last  uint64
	quiet time.Duration // skew is not logged before, a moment.Time's Steady
}

func wall(now moment.Time) uint64 { return uint64(max(0, now.UnixMS)) << 16 }

// next is the stamp of an event at now.
func (c *clock) next(now moment.Time) uint64 {
	c.last = max(c.last+1, wall(now))
	return c.last
}

// observe moves the clock past seen, unless that is nonsense, and reports whether seen
// is too far ahead of now.
func (c *clock) observe(seen uint64, now moment.Time, log *slog.Logger) (skewed bool) {
	if seen <= maxForeign {
		c.last = max(c.last, seen)
	}
	if seen <= wall(now.Add(maxSkew)) {
		return false
	}
	switch {
	case now.Steady < c.quiet:
	case seen > maxForeign:
		log.Warn("clock_skew: a clock of another instance is nonsense and is not followed", "clock", seen)
	default:
		log.Warn("clock_skew: another instance's clock is ahead of this one's; newest prices follow the clock that is ahead",
			"ahead_ms", int64(seen>>16)-now.UnixMS)
	}
	c.quiet = now.Steady + skewQuiet
	return true
}
