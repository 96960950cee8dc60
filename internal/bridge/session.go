package bridge

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"backbone/internal/awake"
	"backbone/internal/bridge/wire"
	"backbone/internal/partition"
)

// A session is one life of the connections to a master. They are made, subscribed, proved to
// work by an own heartbeat, and given up at the first doubt.
type session struct {
	// Immutable after the session was made.
	shard   *shard
	shared  *shared
	number  uint64 // among all sessions of the bridge
	conns   *redisConns
	ownHead string // how own envelopes of form 1 begin
	ownLine string // how own envelopes of form 2 begin
	ownBeat string // how own heartbeats of this session begin
	out     *outlet
	subs    *subscriptions
	forms   *formChoice

	beatsOn atomic.Pointer[string] // the channel of heartbeats; written before the session lives, then by hold
	moved   atomicSet              // partitions that the master refused because another one has them; added by publish, taken by hold

	stalled stalled // owned by publish

	// From the Redis reader to the watch.
	echoes chan struct{}
	beats  chan wire.Heartbeat // of other instances
}

// beatPlaces bounds the heartbeats of other instances between the Redis reader and the
// watch. A heartbeat that finds no place is left out: the next one follows a second later.
const beatPlaces = 256

// session runs one session until it fails or ctx ends. up says when it began to work, and is
// zero if it never did.
func (s *shard) session(ctx context.Context) (up time.Time, err error) {
	partitions := s.claim(0, 0)
	defer s.held.store(0)
	if partitions == 0 {
		return up, errOthersNow
	}
	alive, cancel := context.WithCancel(ctx)
	opts, number := s.shared.opts, s.shared.sessions.Add(1)
	x := &session{
		shard: s, shared: s.shared, number: number, out: newOutlet(partitions), subs: newSubscriptions(s.shared),
		ownHead: wire.EnvelopeHead(opts.Instance), ownLine: wire.EnvelopeHead2(opts.Instance), ownBeat: wire.BeatHead(opts.Instance, number),
		echoes: make(chan struct{}, 1), beats: make(chan wire.Heartbeat, beatPlaces), forms: newFormChoice(opts, time.Now()),
	}
	x.conns, err = s.dial(alive)
	if err != nil {
		cancel()
		return up, err
	}
	defer func() {
		cancel() // first: it closes the sockets, so that close does not wait for Redis
		x.conns.close()
	}()
	if err := x.connect(alive, partitions); err != nil {
		return up, x.conns.greeting.explain(err)
	}
	return x.live(alive)
}

// connect subscribes to all partitions of the master before the session publishes.
func (x *session) connect(ctx context.Context, partitions partition.Set) error {
	ctx, cancel := context.WithTimeout(ctx, x.shared.opts.DialTimeout)
	defer cancel()
	if err := x.conns.prepare(ctx, x.shared.names, partitions); err != nil {
		return err
	}
	x.shard.warnOf(x.conns.identity.flaw)
	beatsOn := x.shared.names.Heartbeat(x.shared.bySlot, partitions)
	x.beatsOn.Store(&beatsOn)
	return x.conns.subscribe(ctx, append(slices.Sorted(maps.Keys(x.shared.names.Channels(x.shared.bySlot, partitions))), beatsOn), x.received, x.subs.noted)
}

// live runs the goroutines of the session until the first of them fails.
func (x *session) live(ctx context.Context) (up time.Time, err error) {
	g, ctx := errgroup.WithContext(ctx)
	proved := make(chan struct{})
	g.Go(func() error { return x.pulse(ctx) })
	g.Go(func() error { return x.watch(ctx, proved) })
	g.Go(func() error { return x.listen(ctx) })
	select {
	case <-proved:
		up = time.Now()
		x.shard.nowUp()
		held := x.shard.held.load()
		x.shared.readers <- reader{held, x.conns, true}
		defer func() {
			x.shared.readers <- reader{x.shard.held.load(), x.conns, false}
			x.shared.outlets.gone <- x.out
		}()
		g.Go(func() error { return x.publish(ctx) })
		if x.shared.bySlot {
			g.Go(func() error { return x.hold(ctx) })
		}
		x.generation(ctx, held)
	case <-ctx.Done():
	}
	return up, g.Wait()
}

// generation tells the Sink of a generation, after everything that waits in the inbox. If the
// Sink took a newer value only after the generation, it would not offer that value again with
// the others.
func (x *session) generation(ctx context.Context, partitions partition.Set) {
	x.shared.inbox.settle(ctx)
	x.shared.opts.Sink.Generation(ctx, partitions)
}

// received is called by the Redis reader for each message. It waits for nothing but the inbox,
// which takes messages at any time.
func (x *session) received(channel, message string) {
	if _, beat := x.subs.beats[channel]; beat {
		x.heard(channel, message)
		return
	}
	if strings.HasPrefix(message, x.ownLine) || strings.HasPrefix(message, x.ownHead) {
		x.shared.count.ownEchoes.Add(1)
		return
	}
	if of, ok := x.subs.events[channel]; ok {
		x.shared.inbox.take(incoming{channel: channel, of: of, message: message})
	}
}

func (x *session) heard(channel, message string) {
	if strings.HasPrefix(message, x.ownBeat) {
		select {
		case x.echoes <- struct{}{}:
		default:
		}
		return
	}
	if strings.HasPrefix(message, x.ownHead) {
		return // of an earlier session
	}
	beat, ok := wire.DecodeBeat(message)
	if !ok {
		x.shared.garbage.found(foreignBeat, channel, 1)
		return
	}
	select {
	case x.beats <- beat:
	default:
	}
}

// pulse publishes heartbeats, the first immediately.
func (x *session) pulse(ctx context.Context) error {
	ticker := time.NewTicker(x.shared.opts.Heartbeat)
	defer ticker.Stop()
	for {
		timed, cancel := awake.WithTimeout(ctx, x.shared.opts.CallTimeout)
		err := x.conns.beat(timed, *x.beatsOn.Load(), wire.Beat(x.shared.opts.Instance, x.number, x.shared.opts.Clock()))
		cancel()
		if err != nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// watch ends the session at the first sign that it does not work. It closes proved when the
// first own heartbeat comes back.
func (x *session) watch(ctx context.Context, proved chan<- struct{}) error {
	known := peers{}
	defer x.shard.peers.Store(0)
	defer x.shard.writes.Store(0)
	silence := awake.NewTimer(x.shared.opts.EchoTimeout)
	defer silence.Stop()
	ticker := time.NewTicker(x.shared.opts.Heartbeat)
	defer ticker.Stop()
	ran := time.Now()
	stoodStill := func(now time.Time) bool {
		defer func() { ran = now }()
		if now.Sub(ran) <= 2*x.shared.opts.Heartbeat {
			return false
		}
		silence.Reset(x.shared.opts.EchoTimeout) // it has sent no heartbeat either, and what came lies in the kernel
		known.excuse(now)
		x.forms.excuse(now)
		return true
	}
	for {
		x.shard.writes.Store(int64(x.forms.form()))
		select {
		case <-ctx.Done():
			return nil
		case <-x.echoes:
			x.shared.count.heartbeats.Add(1)
			if proved != nil {
				close(proved)
				proved = nil
			}
			silence.Reset(x.shared.opts.EchoTimeout)
		case <-silence.C:
			if !stoodStill(time.Now()) && len(x.echoes) == 0 && !silence.Granted() {
				return noEchoError(x.shared.opts.EchoTimeout)
			}
		case b := <-x.beats:
			now := time.Now()
			known.heard(b.Instance, now)
			x.forms.heard(b.Instance, b.Reads, now)
			x.shard.peers.Store(int64(len(known))) // before the Sink is told: who hears of the clock finds the peer
			x.shared.clocks.raise(b.Clock)
		case <-ticker.C:
			now := time.Now()
			stoodStill(now)
			x.forms.tick(now)
			x.shard.peers.Store(int64(known.live(now, x.shared.opts.peersPatience())))
		case err := <-x.conns.broken:
			return fmt.Errorf("subscription: %w", orLost(err))
		case err := <-x.conns.doubts:
			return fmt.Errorf("read: %w", err)
		case channel := <-x.subs.lost:
			return fmt.Errorf("redis ended the subscription of %s", channel)
		}
	}
}

// noEchoError is how long no own heartbeat came back. It is a time-out.
type noEchoError time.Duration

func (e noEchoError) Error() string {
	return "no own heartbeat came back for " + time.Duration(e).String()
}

func (noEchoError) Timeout() bool { return true }
