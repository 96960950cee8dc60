// Package awake excuses the time in which this process did not run.
package awake

import "time"

// MinMissed is the shortest time that counts as one in which this process did not run.
const MinMissed = 10 * time.Millisecond

// Grant returns how much longer to wait for others whose time is up since until: the time in which
// this process did not run, most at most, and once. What they have done in time may lie in the
// kernel, unread, which neither a deadline nor a timer looks at. 0: it is over.
func Grant(until time.Time, spent *bool, most time.Duration) time.Duration {
	missed := time.Since(until)
	if *spent || missed < MinMissed {
		return 0
	}
	*spent = true
	return min(missed, most)
}
