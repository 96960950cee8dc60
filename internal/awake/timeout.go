package awake

import (
	"context"
	"time"
)

// WithTimeout is context.WithTimeout that excuses the time in which this process did not run: an answer
// may have come meanwhile, and lie in the kernel. The context has no deadline of its own, and is done
// after twice d at the latest, counted without that time.
func WithTimeout(parent context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	ctx, end := context.WithCancelCause(parent)
	due, spent := time.Now().Add(d), false
	var timer *time.Timer
	timer = time.AfterFunc(time.Hour, func() { // and not d: the function finds timer set
		if more := Grant(due, &spent, d); more > 0 {
			timer.Reset(more)
			return
		}
		end(context.DeadlineExceeded)
	})
	timer.Reset(d)
	return timed{ctx}, func() {
		timer.Stop()
		end(context.Canceled)
	}
}

// timed is a context that says that its time is over as one with a deadline does.
type timed struct{ context.Context }

func (t timed) Err() error {
	if context.Cause(t.Context) == context.DeadlineExceeded { //nolint:errorlint // as WithTimeout gave it
		return context.DeadlineExceeded
	}
	return t.Context.Err()
}
