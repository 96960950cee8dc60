package runner

import (
	"context"
	"time"

	"backbone/internal/feed"
)

// lost is the end of a connection.
func (k *keeper) lost(l *life, reason feed.Reason, text string) error {
	k.count(reason, 1, text)
	l.close()
	if !l.data && time.Since(l.born) < provenAfter {
		k.failures++
	} else {
		k.failures = 0
	}
	if l == k.next {
		k.next, k.held = nil, nil
		k.later(nil)
		return nil
	}
	k.now = nil
	if k.next != nil {
		k.handover(time.Now())
		return nil
	}
	for _, s := range k.symbols {
		s.State = Down
	}
	if !k.dialling {
		k.later(nil)
	}
	return nil
}

// replace starts a connection that takes over from l.
func (k *keeper) replace(ctx context.Context, l *life, why string) {
	if l.told {
		return
	}
	l.told = true
	k.count(feed.Planned, 1, why)
	k.dial(ctx)
}

// handover makes the next connection the one whose prices are published. What it brought is told
// apart from what the old one did.
func (k *keeper) handover(now time.Time) {
	if k.now != nil {
		k.now.close()
	}
	k.now, k.next = k.next, nil
	for _, s := range k.symbols {
		s.asked, s.oldSince = now, time.Time{}
	}
	held := k.held
	k.held = nil
	k.sift(held, now)
}
