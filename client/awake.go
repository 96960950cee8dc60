package client

import (
	"context"
	"time"

	"backbone/internal/awake"
)

// alarm is a time-out of something that others have to do. A process that was stopped when the time
// ran out finds that it has, and what it waits for may lie in the kernel already, unread. So it is
// granted the time in which it did not run, once.
type alarm struct {
	after time.Duration
	due   time.Time
	again bool // the time was granted
}

// set begins the time.
func (a *alarm) set(d time.Duration) { *a = alarm{after: d, due: time.Now().Add(d)} }

// grant returns how much longer to wait, once the time has run out; 0: it is over.
func (a *alarm) grant() time.Duration {
	return awake.Grant(a.due, &a.again, a.after)
}

// withTimeout is context.WithTimeout with an alarm. The context has no deadline of its own.
func withTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	ctx, end := context.WithCancelCause(ctx)
	var a alarm // of the timer's function, once that is set
	var timer *time.Timer
	timer = time.AfterFunc(time.Hour, func() {
		if more := a.grant(); more > 0 {
			timer.Reset(more)
			return
		}
		end(context.DeadlineExceeded)
	})
	a.set(d)
	timer.Reset(d)
	return ctx, func() {
		timer.Stop()
		end(context.Canceled)
	}
}
