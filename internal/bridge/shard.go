package bridge

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"backbone/internal/partition"
)

// common is what all shards of a bridge share. It is immutable after New.
type common struct {
	opts      *Options
	names     names
	script    script
	sharded   bool // Pub/Sub by slot, as in a cluster
	inbox     *inbox
	outlets   *outlets
	readLinks chan<- readLink
	changed   chan<- struct{} // told of each new status
	doubted   chan<- struct{} // told of each failure
	clocks    *clockBox
	count     *counters
	log       *slog.Logger
	sessions  *atomic.Uint64 // of all shards so far: a heartbeat names its own
}

// shard is one Redis master with the partitions that it holds: one session at a time,
// one after the other.
type shard struct {
	// Immutable after it was made.
	common
	name, address string
	redis         rueidis.ClientOption
	partitions    partition.Set // those that it holds

	status atomic.Pointer[ShardStatus] // written by run, read by anyone
	peers  atomic.Int64                // written by the watch, read by anyone

	// Owned by the publishing goroutine of the session that is alive.
	storeFailing bool
}

// run keeps a session alive until ctx ends.
func (s *shard) run(ctx context.Context) {
	wait := s.opts.BackoffMin
	for {
		up, err := s.session(ctx)
		if ctx.Err() != nil {
			return
		}
		s.nowDown(err)
		s.doubt()
		// A link that breaks again and again is not tried faster than one that is down.
		if !up.IsZero() && time.Since(up) > 5*s.opts.BackoffMax {
			wait = s.opts.BackoffMin
		}
		timer := time.NewTimer(jitter(wait))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		wait = min(2*wait, s.opts.BackoffMax)
	}
}

// jitter is between half of d and d, so that instances do not come back all at once.
func jitter(d time.Duration) time.Duration { return d/2 + rand.N(d/2+1) }

// nowUp and nowDown log changes, never attempts. The status goes first: who reads the
// line finds it there.
func (s *shard) nowUp() {
	before := s.status.Load()
	s.become(&ShardStatus{Name: s.name, State: OK, Since: time.Now()})
	if before.State == Degraded {
		s.log.Info("redis is back", "shard", s.name, "away", time.Since(before.Since).Round(time.Millisecond))
	} else {
		s.log.Info("linked to redis", "shard", s.name, "address", s.address)
	}
}

func (s *shard) nowDown(err error) {
	before := *s.status.Load()
	after := before
	after.Reason = err.Error()
	if before.State == OK {
		after.State, after.Since = Degraded, time.Now()
		s.count.reconnects.Add(1)
	}
	s.become(&after)
	switch {
	case before.State == OK:
		s.log.Warn("redis is lost, local routing goes on", "shard", s.name, "reason", err)
	case before.State == Connecting && before.Reason == "":
		s.log.Warn("redis is not reachable yet, local routing goes on", "shard", s.name, "reason", err)
	}
}

const othersNow = "the masters are others now"

// givenUp is said of a shard that ended since the masters are others now.
func (s *shard) givenUp() {
	after := *s.status.Load()
	after.Reason = othersNow
	if after.State == OK {
		after.State, after.Since = Degraded, time.Now()
		s.count.reconnects.Add(1)
	}
	s.status.Store(&after)
}

func (s *shard) become(status *ShardStatus) {
	s.status.Store(status)
	s.tell()
}

// tell and doubt say that there is something to look at. Whoever listens looks at the
// newest.
func (c *common) tell()  { nudge(c.changed) }
func (c *common) doubt() { nudge(c.doubted) }

func nudge(to chan<- struct{}) {
	select {
	case to <- struct{}{}:
	default:
	}
}
