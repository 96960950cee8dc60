package load

import (
	"context"
	"time"

	"golang.org/x/sys/unix"
)

// sleep waits for d or until ctx ends. The runtime's timers may be a millisecond late,
// which would count as latency; the kernel's are late by some ten microseconds.
func sleep(ctx context.Context, d time.Duration) {
	const look = 20 * time.Millisecond // after ctx
	for until := time.Now().Add(d); d > 0 && ctx.Err() == nil; d = time.Until(until) {
		ts := unix.NsecToTimespec(int64(min(d, look)))
		if err := unix.Nanosleep(&ts, nil); err != nil && err != unix.EINTR {
			time.Sleep(min(d, look))
		}
	}
}
