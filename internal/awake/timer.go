package awake

import "time"

// A Timer is a time.Timer for something that others have to do, which excuses the time in which this
// process did not run. One goroutine uses it, and C.
type Timer struct {
	C <-chan time.Time

	timer *time.Timer
	due   time.Time
	after time.Duration
	spent bool // the time was granted
}

// NewTimer returns a Timer that fires after d.
func NewTimer(d time.Duration) *Timer {
	timer := time.NewTimer(d)
	return &Timer{C: timer.C, timer: timer, due: time.Now().Add(d), after: d}
}

// Reset has the Timer fire after d, and not before.
func (t *Timer) Reset(d time.Duration) {
	t.due, t.after, t.spent = time.Now().Add(d), d, false
	t.timer.Reset(d)
}

// Granted reports, once the Timer has fired, whether it fires again because this process did not run.
func (t *Timer) Granted() bool {
	more := Grant(t.due, &t.spent, t.after)
	if more > 0 {
		t.timer.Reset(more)
	}
	return more > 0
}

// Stop has the Timer fire no more.
func (t *Timer) Stop() { t.timer.Stop() }
