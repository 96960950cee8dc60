package bridge

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"backbone/internal/bridge/wire"
	"backbone/internal/redisurl"
)

// Bridge connects an instance to the others. Status and Stats are safe for concurrent use by
// multiple goroutines; Run is called once.
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

// New returns a bridge that does nothing until Run. Redis need not be reachable. The error is
// one line about the options and holds no password.
func New(opts Options) (*Bridge, error) {
	opts = opts.withDefaults()
	if err := opts.check(); err != nil {
		return nil, fmt.Errorf("bridge: %w", err)
	}
	u, err := redisurl.Parse(opts.URL)
	if err != nil {
		return nil, fmt.Errorf("bridge: the URL %w", err)
	}
	b := &Bridge{opts: opts, clocks: newClockBox(), count: new(counters), changed: make(chan struct{}, 1)}
	names := wire.Names{Prefix: opts.Prefix, Database: u.Database}
	strange := &garbage{count: b.count, log: opts.Logger}
	b.inbox = newInbox(opts, b.count, strange)
	b.reads = &reads{opts: &b.opts, names: names, readers: make(chan reader), count: b.count, garbage: strange}
	b.outlets = newOutlets(opts, b.count)
	bySlot := u.Setup == redisurl.Cluster
	b.masters = newTopology(newTarget(u, opts.TLS), &shared{
		opts: &b.opts, names: names, scripts: newScripts(bySlot), bySlot: bySlot,
		inbox: b.inbox, outlets: b.outlets, readers: b.reads.readers, clocks: b.clocks,
		changed: b.changed, doubted: make(chan struct{}, 1), count: b.count, garbage: strange, log: opts.Logger,
	})
	return b, nil
}

// Run keeps the connections to Redis until ctx ends. It then returns nil, and leaves no
// goroutine behind. A second call returns an error.
func (b *Bridge) Run(ctx context.Context) error {
	if b.started.Swap(true) {
		return errors.New("bridge: Run was called before")
	}
	var running sync.WaitGroup
	running.Go(func() { b.inbox.deliver(ctx, b.opts.Sink) })
	running.Go(func() { b.clocks.run(ctx, b.opts.Sink) })
	running.Go(func() { b.tellState(ctx) })
	// Sessions report their end to these three, so these end after all sessions.
	ended := make(chan struct{})
	running.Go(func() { b.inbox.run(ended) })
	running.Go(func() { b.reads.run(ctx, ended) })
	running.Go(func() { b.outlets.run(ended) })
	b.masters.run(ctx)
	close(ended)
	running.Wait()
	return nil
}
