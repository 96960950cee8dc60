package bridge

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"backbone/internal/partition"
	"backbone/internal/redisurl"
)

// topology keeps one shard running for each master. A partition that moves from one master
// to another goes to the new one as soon as the shard of the old one has let go of it.
type topology struct {
	// Immutable after New.
	target *target
	shared *shared // by all shards

	// Written by run, read by any goroutine.
	shards  atomic.Pointer[[]*shard]
	missing atomic.Pointer[ShardStatus] // of partitions without a master; nil: each has one

	// Owned by run.
	running map[string]runningShard // by address
	last    [partition.Count]*shard // that held the partition, whether or not it still runs
}

type runningShard struct {
	*shard
	cancel context.CancelFunc
	ended  chan struct{}
}

func newTopology(t *target, c *shared) *topology {
	y := &topology{target: t, shared: c, running: map[string]runningShard{}}
	y.shards.Store(new([]*shard))
	y.missing.Store(&ShardStatus{Name: y.name(), State: Connecting, Since: time.Now()})
	return y
}

// name names all masters together.
func (y *topology) name() string {
	if y.target.Setup == redisurl.Sentinel {
		return y.target.Master
	}
	return y.target.Addresses[0]
}

// run follows the masters until ctx ends, and returns when all shards have ended.
func (y *topology) run(ctx context.Context) {
	defer y.apply(ctx, nil) // ends all
	if y.target.Setup == redisurl.Single {
		y.apply(ctx, map[string]partition.Set{y.target.Addresses[0]: partition.All})
		<-ctx.Done()
		return
	}
	l := &locator{target: y.target, opts: y.shared.opts, nodes: map[string]*node{}}
	defer l.close()
	ticker := time.NewTicker(y.shared.opts.Heartbeat)
	defer ticker.Stop()
	for {
		found, err := l.locate(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			y.apply(ctx, found.masters)
		case len(y.running) == 0:
			y.lacks(err)
		}
		select {
		case <-ticker.C:
		case <-y.shared.doubted:
		case <-ctx.Done():
			return
		}
	}
}

// apply ends the shards of those that are no masters any more, begins those that are missing,
// and tells the others what they shall hold. No partition is held twice: apply waits for the
// end of a shard, and grants what another shard still holds once it is called again.
func (y *topology) apply(ctx context.Context, masters map[string]partition.Set) {
	var ended []*shard
	for address, r := range y.running {
		if masters[address] == 0 {
			r.cancel()
			ended = append(ended, r.shard)
		}
		r.want(r.wanted.load() & masters[address])
	}
	for _, s := range ended {
		<-y.running[s.address].ended
		delete(y.running, s.address)
		if ctx.Err() == nil {
			s.givenUp()
		}
	}
	var begun []func()
	defer func() {
		for _, run := range begun { // once they are shown: what they log is found in the status
			go run()
		}
	}()
	held := partition.Set(0)
	for _, address := range slices.Sorted(maps.Keys(masters)) {
		held |= masters[address]
		free := masters[address] &^ y.heldBeside(address)
		if r, known := y.running[address]; known {
			y.grant(r.shard, free)
		} else if free != 0 {
			begun = append(begun, y.begin(ctx, address, free))
		}
	}
	if ctx.Err() != nil {
		return // the status stays what it was
	}
	shards := []*shard{}
	for _, r := range y.running {
		shards = append(shards, r.shard)
	}
	slices.SortFunc(shards, func(a, b *shard) int { return cmp.Compare(a.name, b.name) })
	y.shards.Store(&shards)
	if held == partition.All {
		y.missing.Store(nil)
	} else {
		y.lacks(fmt.Errorf("%d of %d partitions have no master", partition.Count-held.Len(), partition.Count))
	}
	y.shared.tell()
}

// heldBeside are the partitions that the shards of other masters hold.
func (y *topology) heldBeside(address string) (held partition.Set) {
	for other, r := range y.running {
		if other != address {
			held |= r.held.load()
		}
	}
	return held
}

// grant lets a shard that runs hold partitions.
func (y *topology) grant(s *shard, partitions partition.Set) {
	if more := partitions &^ s.wanted.load(); more != 0 {
		s.shared.log.Info("redis has moved rooms to another master", "shard", s.name, "partitions", more.Len())
	}
	for p := range partitions.Each() {
		y.last[p] = s
	}
	s.want(partitions)
}

// begin makes a shard, and returns what runs it. The shard takes over the state of the last one that
// held one of its partitions, even if that ended long ago.
func (y *topology) begin(ctx context.Context, address string, partitions partition.Set) (run func()) {
	s := &shard{shared: y.shared, name: address, address: address, redis: y.target.at(address), changed: make(chan struct{}, 1)}
	s.wanted.store(partitions)
	if y.target.Setup == redisurl.Sentinel {
		s.name = y.target.Master
	}
	status := ShardStatus{State: Connecting, Since: time.Now()}
	if first := y.missing.Load(); first != nil && first.State == Connecting {
		status.Since = first.Since
	}
	var before *shard
	for p := range partitions.Each() {
		before, y.last[p] = cmp.Or(before, y.last[p]), s
	}
	if before != nil {
		status = *before.status.Load()
		if before.address != address {
			s.shared.log.Info("redis has other masters", "shard", s.name, "address", address, "before", before.address)
		}
	}
	if status.State == OK { // the shard before goes on with other partitions
		status.State, status.Since = Degraded, time.Now()
	}
	status.Name = s.name
	s.status.Store(&status)
	alive, cancel := context.WithCancel(ctx)
	r := runningShard{s, cancel, make(chan struct{})}
	y.running[address] = r
	return func() {
		defer close(r.ended)
		s.run(alive)
	}
}

// lacks says why not all partitions have a master.
func (y *topology) lacks(err error) {
	before := y.missing.Load()
	status := ShardStatus{Name: y.name(), State: Degraded, Since: time.Now()}.failed(err)
	if before != nil {
		status.State, status.Since = before.State, before.Since
	}
	y.missing.Store(&status) // before the log line, so that a reader of the log finds it here
	if before == nil || before.Reason == "" {
		y.shared.log.Warn("redis has no master for some or all rooms, local routing goes on", "shard", status.Name, "reason", status.Reason)
	}
	y.shared.tell()
}
