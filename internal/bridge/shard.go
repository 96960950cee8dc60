package bridge

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"backbone/internal/bridge/wire"
	"backbone/internal/partition"
	"backbone/internal/refusals"
)

// shared is what all shards of a bridge share.
type shared struct {
	// Immutable after New.
	opts    *Options
	names   wire.Names
	scripts scripts
	bySlot  bool // Pub/Sub by slot, as in a cluster
	inbox   *inbox
	outlets *outlets
	readers chan<- reader
	clocks  *clockBox
	changed chan<- struct{} // one place: a status has changed
	doubted chan struct{}   // one place: a shard has failed, and the masters may have changed
	count   *counters
	garbage *garbage
	log     *slog.Logger

	sessions atomic.Uint64 // begun by all shards: a heartbeat carries the number of its session
}

// atomicSet is a set of partitions for several goroutines.
type atomicSet struct{ bits atomic.Uint64 }

func (s *atomicSet) load() partition.Set    { return partition.Set(s.bits.Load()) }
func (s *atomicSet) store(to partition.Set) { s.bits.Store(uint64(to)) }
func (s *atomicSet) add(more partition.Set) { s.bits.Or(uint64(more)) }
func (s *atomicSet) take() partition.Set    { return partition.Set(s.bits.Swap(0)) }

// shard is one Redis master with the partitions that it holds. It runs one session after
// the other.
type shard struct {
	// Immutable after the shard was made.
	shared        *shared
	name, address string
	redis         rueidis.ClientOption
	changed       chan struct{} // one place: wanted has changed

	wanted atomicSet                   // that the master has and no other shard holds; written by topology, read by any goroutine
	held   atomicSet                   // of the session, or about to be; written by run and by the session's hold, read by any goroutine
	status atomic.Pointer[ShardStatus] // written by run, read by any goroutine
	peers  atomic.Int64                // written by the session's watch, read by any goroutine
	writes atomic.Int64                // the form of envelopes, 0 without a session; as peers

	// Owned by run.
	away refusals.Away
	flaw string // of the version of the server, that was logged last

	// Owned by the publishing goroutine of the current session.
	storeFailing bool
}

// want says which partitions the shard shall hold.
func (s *shard) want(partitions partition.Set) {
	if s.wanted.load() != partitions {
		s.wanted.store(partitions)
		nudge(s.changed)
	}
}

// claim begins to hold what is wanted beside keep, except without, and returns it. The
// topology first writes wanted and then reads held, and claim does it the other way round. So
// the topology sees what is held, or claim what is wanted no longer.
func (s *shard) claim(keep, without partition.Set) (more partition.Set) {
	for {
		wanted := s.wanted.load()
		more = wanted &^ keep &^ without
		s.held.store(keep | more)
		if s.wanted.load() == wanted {
			return more
		}
	}
}

// run keeps a session alive until ctx ends.
func (s *shard) run(ctx context.Context) {
	wait := s.shared.opts.BackoffMin
	for {
		up, err := s.session(ctx)
		if ctx.Err() != nil {
			return
		}
		s.nowDown(err)
		s.shared.doubt()
		// A session that breaks again and again is not tried faster than a master that is down.
		if !up.IsZero() && time.Since(up) > 5*s.shared.opts.BackoffMax {
			wait = s.shared.opts.BackoffMin
		}
		timer := time.NewTimer(jitter(wait))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		wait = min(2*wait, s.shared.opts.BackoffMax)
	}
}

// jitter is between half of d and d, so that instances do not all come back in the same moment.
func jitter(d time.Duration) time.Duration { return d/2 + rand.N(d/2+1) }

// nowUp and nowDown log changes, and now and then a changed reason, but never attempts. They
// set the status before they log, so that a reader of the log finds it there.
func (s *shard) nowUp() {
	before := s.status.Load()
	s.become(&ShardStatus{Name: s.name, State: OK, Since: time.Now()})
	if before.State == Degraded {
		s.shared.log.Info("redis is back", "shard", s.name, "away", time.Since(before.Since).Round(time.Millisecond))
	} else {
		s.shared.log.Info("connected to redis", "shard", s.name, "address", s.address)
	}
}

// warnOf logs what is wrong with the version of the server, once.
func (s *shard) warnOf(flaw string) {
	if flaw != "" && flaw != s.flaw {
		s.shared.log.Warn("redis should be updated", "shard", s.name, "reason", flaw)
	}
	s.flaw = flaw
}

func (s *shard) nowDown(err error) {
	before := *s.status.Load()
	after := before.failed(err)
	if before.State == OK {
		after.State, after.Since = Degraded, time.Now()
		s.shared.count.reconnects.Add(1)
	}
	s.become(&after)
	switch {
	case before.State == OK:
		s.away.Begin(after.Reason)
		s.shared.log.Warn("redis is lost, local routing goes on", "shard", s.name, "reason", after.Reason)
	case before.State == Connecting && before.Reason == "":
		s.away.Begin(after.Reason)
		s.shared.log.Warn("redis is not reachable yet, local routing goes on", "shard", s.name, "reason", after.Reason)
	case s.away.Other(after.Reason):
		s.shared.log.Warn("redis stays away, for another reason now", "shard", s.name, "reason", after.Reason)
	}
}

var errOthersNow = errors.New("the masters have changed")

// givenUp sets the status of a shard that ended because the masters have changed.
func (s *shard) givenUp() {
	after := s.status.Load().failed(errOthersNow)
	if after.State == OK {
		after.State, after.Since = Degraded, time.Now()
		s.shared.count.reconnects.Add(1)
	}
	s.status.Store(&after)
}

func (s *shard) become(status *ShardStatus) {
	s.status.Store(status)
	s.shared.tell()
}

// tell says that a status has changed, and doubt that the masters may have changed. The
// receiver looks at the newest state, so one place in the channel is enough.
func (c *shared) tell()  { nudge(c.changed) }
func (c *shared) doubt() { nudge(c.doubted) }

func nudge(to chan<- struct{}) {
	select {
	case to <- struct{}{}:
	default:
	}
}
