// Package drain sends clients elsewhere in good time: all of an instance that stops, one after
// another, and each one whose connection is old enough.
//
// A client is first told, and then closed. In between it can connect to another instance, so that it
// misses nothing.
package drain

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// maxOverlap bounds the time between the moment at which a client is to connect elsewhere and its close.
const maxOverlap = 5 * time.Second

// Client is who can be sent elsewhere. Its methods wait for nobody outside of this process, and do
// nothing once the client is gone.
type Client interface {
	Warn(after time.Duration) // tells it to connect elsewhere after this time
	Dismiss()                 // closes it, behind what it is to get already
}

// Spread tells all clients at once when they are to connect elsewhere, and closes them over the window,
// in random order: each half of the window after it was to connect elsewhere, but five seconds at most.
// It returns when all are closed, or ctx ends.
func Spread[C Client](ctx context.Context, clients []C, window time.Duration) {
	rand.Shuffle(len(clients), func(i, j int) { clients[i], clients[j] = clients[j], clients[i] })
	begin, overlap := time.Now(), min(window/2, maxOverlap)
	after := func(i int) time.Duration {
		return time.Duration(float64(window-overlap) * float64(i+1) / float64(len(clients)))
	}
	for i, c := range clients {
		c.Warn(after(i))
	}
	timer := time.NewTimer(window)
	defer timer.Stop()
	for i, c := range clients {
		timer.Reset(time.Until(begin.Add(after(i) + overlap)))
		select {
		case <-timer.C:
			c.Dismiss()
		case <-ctx.Done():
			return
		}
	}
}

// Age is how old a connection may grow. Its methods are safe for concurrent use by multiple goroutines.
type Age struct {
	next  atomic.Pointer[time.Timer]
	ended atomic.Bool
}

// jitter is how much an age is longer or shorter than it is said to be, at most, so that connections
// that began together do not end together.
const jitter = 0.1

// Begin has c sent elsewhere once about d has passed: it is told, and five seconds later it is closed.
func (a *Age) Begin(d time.Duration, c Client) {
	a.in(d+time.Duration((2*rand.Float64()-1)*jitter*float64(d)), func() {
		c.Warn(0)
		a.in(maxOverlap, c.Dismiss)
	})
}

func (a *Age) in(d time.Duration, f func()) {
	a.next.Store(time.AfterFunc(d, f))
	if a.ended.Load() { // End may have seen the timer before
		a.End()
	}
}

// End ends the age: c is gone.
func (a *Age) End() {
	a.ended.Store(true)
	if t := a.next.Load(); t != nil {
		t.Stop()
	}
}
