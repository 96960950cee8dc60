package bridge

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"backbone/internal/bridge/wire"
	"backbone/internal/partition"
	"backbone/internal/redisurl"
)

func TestADisagreementIsWhatWasSeen(t *testing.T) {
	now := time.Now()
	var d disagreement
	for i, step := range []struct {
		after  time.Duration
		inStep bool
		want   time.Duration
	}{
		{0, false, 0}, {time.Second, false, time.Second}, {2 * time.Second, false, 3 * time.Second},
		{time.Second, true, 0}, {time.Second, false, time.Second},
		{time.Minute, false, 0}, {time.Second, false, time.Second}, // it waited or stood still
	} {
		now = now.Add(step.after)
		if got := d.seen(step.inStep, now, 2*time.Second); got != step.want {
			t.Errorf("step %d: %v, want %v", i, got, step.want)
		}
	}
}

// A master that vanishes before its session breaks, and that comes back later, was lost and
// is back.
func TestAMasterThatVanishesAndReturnsWasLost(t *testing.T) {
	noLeak(t)
	const nobody = "127.0.0.1:1"
	i, o := newInstance(t, "me")
	o.BackoffMin = time.Hour // one attempt
	o = o.withDefaults()
	changed := make(chan struct{}, 1)
	y := newTopology(newTarget(&redisurl.URL{Setup: redisurl.Cluster, Addresses: []string{nobody}}, nil), &shared{
		opts: &o, names: wire.Names{Prefix: o.Prefix}, changed: changed, count: new(counters), log: o.Logger,
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer func() {
		cancel()
		y.apply(ctx, nil)
	}()
	view := func(partitions partition.Set) *shard {
		if partitions == 0 {
			y.apply(ctx, map[string]partition.Set{})
			return nil
		}
		y.apply(ctx, map[string]partition.Set{nobody: partitions})
		s := (*y.shards.Load())[0]
		if s.status.Load().State == OK {
			return s
		}
		for { // its one attempt could fail at any later time
			if why := s.status.Load().Reason; why != "" && why != errOthersNow.Error() {
				break
			}
			receive(t, changed, "the first attempt")
		}
		return s
	}
	s := view(partition.All)
	if st := s.status.Load(); st.State != Connecting {
		t.Fatalf("at first: %+v", st)
	}
	s.nowUp()
	i.logged("connected to redis")

	if moved := view(partition.All >> 1); moved != s || s.status.Load().State != OK || s.wanted.load() != partition.All>>1 {
		t.Errorf("once a slot has moved: %+v, wants %x", moved.status.Load(), moved.wanted.load())
	}
	view(partition.All)

	lost := time.Now()
	view(0)
	if got := y.shared.count.reconnects.Load(); got != 1 {
		t.Errorf("%d links lost, want 1", got)
	}
	gone := time.Now()
	s = view(partition.All)
	if st := s.status.Load(); st.State != Degraded || st.Since.Before(lost) || st.Since.After(gone) {
		t.Errorf("once it returns: %+v, want it lost since it vanished", st)
	}
	s.nowUp()
	i.logged("redis is back")
}

// Two sessions that hold the same partition would mix the order of its events.
func TestNoPartitionIsHeldTwice(t *testing.T) {
	noLeak(t)
	const one, two = "127.0.0.1:1", "127.0.0.1:2"
	_, o := newInstance(t, "me")
	o.BackoffMin = time.Hour // one attempt, after which nothing is held
	o = o.withDefaults()
	changed := make(chan struct{}, 1)
	y := newTopology(newTarget(&redisurl.URL{Setup: redisurl.Cluster, Addresses: []string{one, two}}, nil), &shared{
		opts: &o, names: wire.Names{Prefix: o.Prefix}, bySlot: true, changed: changed, count: new(counters), log: o.Logger,
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer func() {
		cancel()
		y.apply(ctx, nil)
	}()
	const low = partition.All >> 32
	moved := partition.Only(7)
	view := func(a, b partition.Set) { y.apply(ctx, map[string]partition.Set{one: a, two: b}) }
	wants := func(when string, a, b partition.Set) {
		t.Helper()
		if got := [2]partition.Set{y.running[one].wanted.load(), y.running[two].wanted.load()}; got != [2]partition.Set{a, b} {
			t.Errorf("%s the masters shall hold %x, want %x and %x", when, got, a, b)
		}
	}
	view(low, ^low)
	for _, address := range []string{one, two} {
		for y.running[address].status.Load().Reason == "" {
			receive(t, changed, "the first attempt")
		}
	}
	// As their sessions do.
	from, to := y.running[one], y.running[two]
	from.held.store(low)
	to.held.store(^low)
	view(low&^moved, ^low|moved)
	wants("while it is held,", low&^moved, ^low)
	if more := from.claim(low&^moved, 0); more != 0 {
		t.Errorf("the old master shall hold %x more", more)
	}
	view(low&^moved, ^low|moved)
	wants("once it is free,", low&^moved, ^low|moved)
	if more := to.claim(^low, 0); more != moved || to.held.load() != ^low|moved {
		t.Errorf("the new master holds %x more, %x in all", more, to.held.load())
	}
	view(low, ^low)
	wants("on its way back,", low&^moved, ^low)
	if more := to.claim(^low, 0); more != 0 {
		t.Errorf("it holds %x more", more)
	}
	view(low, ^low)
	if more := from.claim(low&^moved, moved); more != 0 || from.held.load() != low&^moved {
		t.Errorf("a partition that it has just lost is held: %x", more)
	}
}

// A session claims while the topology moves the partition to another one.
func TestClaimsOfTwoSessionsNeverMeet(t *testing.T) {
	p := partition.Only(7)
	shards := [2]*shard{{changed: make(chan struct{}, 1)}, {changed: make(chan struct{}, 1)}}
	ctx, cancel := context.WithCancel(t.Context())
	var holders, claims atomic.Int64
	var sessions sync.WaitGroup
	for _, s := range shards {
		sessions.Go(func() {
			for ctx.Err() == nil {
				if s.claim(0, 0) == p {
					claims.Add(1)
					if n := holders.Add(1); n > 1 {
						t.Error("two sessions hold the same partition")
						cancel()
					}
					holders.Add(-1)
				}
				s.held.store(0)
			}
		})
	}
	for n := 0; claims.Load() < 100_000 && ctx.Err() == nil; n++ {
		from, to := shards[n%2], shards[(n+1)%2]
		from.want(0)
		for from.held.load() != 0 && ctx.Err() == nil {
			runtime.Gosched()
		}
		to.want(p)
	}
	cancel()
	sessions.Wait()
}

func newQuietTopology(t *testing.T, addresses ...string) (*instance, *topology) {
	i, o := newInstance(t, "me")
	o.BackoffMin = time.Hour // one attempt
	o = o.withDefaults()
	return i, newTopology(newTarget(&redisurl.URL{Setup: redisurl.Cluster, Addresses: addresses}, nil), &shared{
		opts: &o, names: wire.Names{Prefix: o.Prefix}, bySlot: true, changed: make(chan struct{}, 1), count: new(counters), log: o.Logger,
	})
}

func TestAllOtherMastersHoldPartitions(t *testing.T) {
	_, y := newQuietTopology(t, "a:1")
	for p, address := range []string{"a:1", "b:1", "c:1", "d:1"} {
		s := new(shard)
		s.held.store(partition.Only(p))
		y.running[address] = runningShard{shard: s}
	}
	if got, want := y.heldBeside("b:1"), partition.Only(0)|partition.Only(2)|partition.Only(3); got != want {
		t.Errorf("held beside b are %x, want %x", got, want)
	}
}

// A move is told once, with how many partitions come.
func TestAMoveIsToldOnce(t *testing.T) {
	i, y := newQuietTopology(t, "a:1")
	s := &shard{shared: y.shared, name: "a:1", changed: make(chan struct{}, 1)}
	s.wanted.store(partition.Only(1) | partition.Only(2))
	y.grant(s, partition.Only(1)|partition.Only(2)|partition.Only(5))
	if got := i.loggedSoFar(); !strings.Contains(got, "has moved rooms") || !strings.Contains(got, "partitions=1\n") {
		t.Errorf("logged %q, want a move of one partition", got)
	}
	y.grant(s, partition.Only(1)|partition.Only(5))
	if got := i.loggedSoFar(); got != "" || s.wanted.load() != partition.Only(1)|partition.Only(5) || y.last[5] != s {
		t.Errorf("logged %q without a move to it, it shall hold %x", got, s.wanted.load())
	}
}

func TestPartitionsWithoutAMasterAreToldOnce(t *testing.T) {
	i, y := newQuietTopology(t, "a:1")
	for round, want := range []int{1, 0, 0} {
		y.lacks(errors.New("gone"))
		if got := strings.Count(i.loggedSoFar(), "has no master"); got != want {
			t.Errorf("round %d: told %d times, want %d", round, got, want)
		}
	}
	y.missing.Store(nil) // each had one meanwhile
	y.lacks(errors.New("gone"))
	if got := strings.Count(i.loggedSoFar(), "has no master"); got != 1 || y.missing.Load().State != Degraded {
		t.Errorf("told %d times that masters were lost again: %+v", got, y.missing.Load())
	}
}

// A shard is connecting since its master is sought, and another address of a master is told.
func TestAShardGoesOnWhereTheLastOneWas(t *testing.T) {
	noLeak(t)
	const one, two = "127.0.0.1:1", "127.0.0.1:2"
	i, y := newQuietTopology(t, one)
	ended, cancel := context.WithCancel(t.Context())
	cancel() // its session tries nothing
	since := time.Now().Add(-time.Hour)
	for n, step := range []struct {
		address string
		first   State
		since   bool
		others  bool
	}{{one, Connecting, true, false}, {one, Degraded, true, false}, {two, Degraded, true, true}} {
		y.missing.Store(&ShardStatus{State: step.first, Since: since})
		y.begin(ended, step.address, partition.Only(3))()
		<-y.running[step.address].ended
		if st := y.last[3].status.Load(); st.Since.Equal(since) != step.since || st.State != Connecting || st.Name != step.address {
			t.Errorf("step %d: %+v, want since %v", n, st, since)
		}
		if got := strings.Contains(i.loggedSoFar(), "has other masters"); got != step.others {
			t.Errorf("step %d: told that the master is another one: %t", n, got)
		}
	}
	y.missing.Store(&ShardStatus{State: Degraded, Since: since})
	y.begin(ended, one, partition.Only(4))() // none had it before
	<-y.running[one].ended
	if st := y.last[4].status.Load(); st.Since.Equal(since) {
		t.Errorf("a new shard is connecting since others lack a master: %+v", st)
	}
}
