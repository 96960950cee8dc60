package bridge

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"backbone/internal/redisurl"
)

// Bridge is the link to Redis. Status and Stats may be called at any time; Run once.
type Bridge struct {
	// Immutable after New.
	opts    Options
	masters *topology
	inbox   *inbox
	reads   *reads
	outlets *outlets
	clocks  *clockBox
	count   *counters
	changed chan struct{} // one place: a shard has changed its state

	started atomic.Bool
}

// New returns a bridge that does nothing until Run. The error is one line for whoever
// wrote the options, and holds no password. That Redis can not be reached is no error.
func New(opts Options) (*Bridge, error) {
	opts = opts.withDefaults()
	if err := opts.check(); err != nil {
		return nil, fmt.Errorf("bridge: %w", err)
	}
	u, err := redisurl.Parse(opts.URL)
	if err != nil {
		return nil, fmt.Errorf("bridge: the URL %w", err)
	}
	to := newTarget(u)
	b := &Bridge{opts: opts, clocks: newClockBox(), count: new(counters), changed: make(chan struct{}, 1)}
	names := names{opts.Prefix}
	b.inbox = newInbox(opts, b.count)
	b.reads = &reads{opts: &b.opts, names: names, links: make(chan readLink), count: b.count}
	b.outlets = newOutlets(opts, b.count)
	b.masters = newTopology(to, common{
		opts: &b.opts, names: names, script: newScript(to.Setup == redisurl.Cluster), sharded: to.Setup == redisurl.Cluster,
		inbox: b.inbox, outlets: b.outlets, readLinks: b.reads.links,
		changed: b.changed, clocks: b.clocks, count: b.count, log: opts.Logger,
		sessions: new(atomic.Uint64),
	})
	return b, nil
}

// Run keeps the link until ctx ends; then it returns nil, with no goroutine of its own
// left. The error is that of a second call.
func (b *Bridge) Run(ctx context.Context) error {
	if b.started.Swap(true) {
		return errors.New("bridge: Run was called before")
	}
	var running sync.WaitGroup
	running.Go(func() { b.inbox.deliver(ctx, b.opts.Sink) })
	running.Go(func() { b.clocks.run(ctx, b.opts.Sink) })
	running.Go(func() { b.tellState(ctx) })
	// These hear of the end of each session, and so outlive all.
	ended := make(chan struct{})
	running.Go(func() { b.inbox.run(ended) })
	running.Go(func() { b.reads.run(ctx, ended) })
	running.Go(func() { b.outlets.run(ended) })
	b.masters.run(ctx)
	close(ended)
	running.Wait()
	return nil
}
