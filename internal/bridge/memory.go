package bridge

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"backbone/internal/hub"
	"backbone/internal/partition"
)

// Memory is what Redis is to bridges, within one process: it compares versions, keeps
// last prices for their TTL, and passes on what it accepted, in order. It never fails.
type Memory struct {
	state chan *memoryState // one place: whoever took the state owns it until it is put back
}

type memoryState struct {
	prices map[string]memoryPrice
	linked []*MemoryBridge // in the order of their start
}

type memoryPrice struct {
	event   hub.BroadcastEvent
	expires time.Time
}

// NewMemory returns an empty Memory.
func NewMemory() *Memory {
	m := &Memory{state: make(chan *memoryState, 1)}
	m.state <- &memoryState{prices: map[string]memoryPrice{}}
	return m
}

// MemoryBridge fulfils the contract of [Bridge] with a [Memory].
type MemoryBridge struct {
	// Immutable after Memory.Bridge.
	opts   Options
	memory *Memory
	clocks *clockBox
	count  *counters
	wake   chan struct{} // one place: pending has grown

	// Owned by whoever owns the memory's state.
	pending inboxQueue
}

// Bridge returns an instance's link to the memory. Options.URL is not used.
func (m *Memory) Bridge(opts Options) (*MemoryBridge, error) {
	opts = opts.withDefaults()
	if err := opts.check(); err != nil {
		return nil, fmt.Errorf("bridge: %w", err)
	}
	return &MemoryBridge{
		opts: opts, memory: m, clocks: newClockBox(), count: new(counters),
		wake: make(chan struct{}, 1), pending: inboxQueue{limit: opts.InboxBytes},
	}, nil
}

// with runs f as the owner of the state. It does nothing once ctx is done, and says so.
func (m *Memory) with(ctx context.Context, f func(*memoryState)) (done bool) {
	select {
	case s := <-m.state:
		f(s)
		m.state <- s
		return true
	case <-ctx.Done():
		return false
	}
}

// Stats returns the counters as they are now. It may be called at any time.
func (b *MemoryBridge) Stats() Stats {
	s := b.count.stats()
	s.Peers = int(b.count.peers.Load())
	return s
}

// Run links the instance until ctx ends; then it returns nil.
func (b *MemoryBridge) Run(ctx context.Context) error {
	b.memory.with(ctx, func(s *memoryState) { s.linked = append(s.linked, b) })
	defer b.memory.with(context.Background(), func(s *memoryState) {
		s.linked = slices.DeleteFunc(s.linked, func(o *MemoryBridge) bool { return o == b })
		b.count.drop(DropClosing, len(b.pending.events))
	})
	var running sync.WaitGroup
	running.Go(func() { b.send(ctx) })
	running.Go(func() { b.read(ctx) })
	running.Go(func() { b.receive(ctx) })
	running.Go(func() { b.clocks.run(ctx, b.opts.Sink) })
	running.Go(func() { b.pulse(ctx) })
	running.Go(func() { b.opts.Sink.State(ctx, true, time.Now()) })
	running.Go(func() { b.opts.Sink.Generation(ctx, partition.All) })
	running.Wait()
	return nil
}

func (b *MemoryBridge) send(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case batch := <-b.opts.Outbox:
			if !b.memory.with(ctx, func(s *memoryState) { b.publish(s, batch) }) {
				b.count.drop(DropNotSent, len(batch))
			}
		}
	}
}

func (b *MemoryBridge) publish(s *memoryState, batch []hub.BroadcastEvent) {
	now := time.Now()
	for i := range batch {
		e := batch[i]
		if e.Kind == hub.Message {
			e.Version = hub.Version{Instance: b.opts.Origin}
		} else if b.opts.TTL > 0 && e.Kind.Value() && !b.store(s, &e, now) {
			continue
		}
		b.count.published.Add(1)
		for _, other := range s.linked {
			if other != b {
				other.put(&e)
			}
		}
	}
}

// store reports whether the event is newer than what is held.
func (b *MemoryBridge) store(s *memoryState, e *hub.BroadcastEvent, now time.Time) bool {
	if held, ok := s.prices[e.Room]; ok && held.expires.After(now) {
		switch order := e.Version.Compare(held.event.Version); {
		case order == 0:
			b.count.unchanged.Add(1)
			if expires := b.expiry(e, now); expires.Before(held.expires) {
				held.expires = expires
				s.prices[e.Room] = held
			}
			return false
		case order < 0:
			b.count.refused.Add(1)
			b.clocks.raise(held.event.Version.Clock)
			return false
		}
	}
	if expires := b.expiry(e, now); expires.After(now) {
		s.prices[e.Room] = memoryPrice{*e, expires}
	}
	return true
}

func (b *MemoryBridge) expiry(e *hub.BroadcastEvent, now time.Time) time.Time {
	return time.Unix(0, min(e.Born, now.UnixNano())).Add(b.opts.TTL)
}

func (b *MemoryBridge) put(e *hub.BroadcastEvent) {
	b.pending.addAll([]hub.BroadcastEvent{*e}, b.count, DropInboxFull)
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

func (b *MemoryBridge) receive(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-b.wake:
			var batch inboxBatch
			b.memory.with(ctx, func(*memoryState) {
				batch = inboxBatch{events: b.pending.events, lost: b.pending.lost}
				b.pending.taken()
			})
			if len(batch.events) > 0 {
				b.count.handOver(ctx, b.opts.Sink, batch)
			}
		}
	}
}

func (b *MemoryBridge) read(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case rooms := <-b.opts.Reads:
			b.count.reads.Add(1)
			var found []hub.BroadcastEvent
			b.memory.with(ctx, func(s *memoryState) { found = b.find(s, rooms) })
			b.opts.Sink.LastPrices(ctx, rooms, found, nil)
		}
	}
}

func (b *MemoryBridge) find(s *memoryState, rooms []string) (found []hub.BroadcastEvent) {
	now := time.Now()
	for _, room := range rooms {
		if p, ok := s.prices[room]; ok && p.expires.After(now) && b.opts.TTL > 0 {
			e := p.event
			e.Kind, e.Seq = hub.Recovered, 0
			found = append(found, e)
		}
	}
	return found
}

// pulse tells the others this instance's clock.
func (b *MemoryBridge) pulse(ctx context.Context) {
	ticker := time.NewTicker(b.opts.Heartbeat)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			b.memory.with(ctx, func(s *memoryState) {
				b.count.peers.Store(int64(len(s.linked) - 1))
				for _, other := range s.linked {
					if other != b {
						other.clocks.raise(b.opts.Clock())
					}
				}
			})
		}
	}
}
