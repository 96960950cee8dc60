package bridge

import (
	"context"
	"sync/atomic"
	"time"
)

// maxPeers bounds the instances that are tracked, because a foreign program that can publish
// could invent any number of them.
const maxPeers = 1024

// peers says when each other instance was last heard.
type peers map[string]time.Time

func (p peers) heard(instance string, now time.Time) {
	if _, known := p[instance]; known || len(p) < maxPeers {
		p[instance] = now
	}
}

// excuse says that nobody was heard because this process stood still until now.
func (p peers) excuse(now time.Time) {
	for instance := range p {
		p[instance] = now
	}
}

// live forgets the instances that were silent for longer than patience, and counts the
// others.
func (p peers) live(now time.Time, patience time.Duration) int {
	for instance, last := range p {
		if now.Sub(last) > patience {
			delete(p, instance)
		}
	}
	return len(p)
}

// clockBox carries the newest clock that was seen to the Sink. Any goroutine may raise it,
// which never blocks.
type clockBox struct {
	newest atomic.Uint64
	raised chan struct{} // one place: newest has changed
}

func newClockBox() *clockBox { return &clockBox{raised: make(chan struct{}, 1)} }

func (b *clockBox) raise(clock uint64) {
	for {
		old := b.newest.Load()
		if clock <= old {
			return
		}
		if b.newest.CompareAndSwap(old, clock) {
			select {
			case b.raised <- struct{}{}:
			default:
			}
			return
		}
	}
}

func (b *clockBox) run(ctx context.Context, sink Sink) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-b.raised:
			sink.Clock(ctx, b.newest.Load())
		}
	}
}
