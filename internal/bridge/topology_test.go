package bridge

import (
	"context"
	"testing"
	"time"

	"backbone/internal/bridge/wire"
	"backbone/internal/partition"
	"backbone/internal/redisurl"
)

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

	s = view(partition.All >> 1) // a slot moved
	if st := s.status.Load(); st.State != Degraded || y.shared.count.reconnects.Load() != 1 {
		t.Errorf("once the masters are others: %+v, %d links lost", st, y.shared.count.reconnects.Load())
	}
	s.nowUp()
	i.logged("redis is back")

	lost := time.Now()
	view(0)
	if got := y.shared.count.reconnects.Load(); got != 2 {
		t.Errorf("%d links lost, want 2", got)
	}
	gone := time.Now()
	s = view(partition.All)
	if st := s.status.Load(); st.State != Degraded || st.Since.Before(lost) || st.Since.After(gone) {
		t.Errorf("once it returns: %+v, want it lost since it vanished", st)
	}
	s.nowUp()
	i.logged("redis is back")
}
