package bridge

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

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
	beatsOn string // the channel of heartbeats
	out     *outlet

	// From the Redis reader to the watch.
	echoes       chan struct{}
	beats        chan peerBeat
	unsubscribed chan string // a channel that Redis unsubscribed
}

// peerBeat is a heartbeat of another instance.
type peerBeat struct {
	instance string
	clock    uint64
}

// beatPlaces bounds the heartbeats of other instances between the Redis reader and the
// watch. A heartbeat that finds no place is left out: the next one follows a second later.
const beatPlaces = 256

// session runs one session until it fails or ctx ends. up says when it began to work, and is
// zero if it never did.
func (s *shard) session(ctx context.Context) (up time.Time, err error) {
	alive, cancel := context.WithCancel(ctx)
	opts, number := s.shared.opts, s.shared.sessions.Add(1)
	x := &session{
		shard: s, shared: s.shared, number: number, out: newOutlet(s.partitions),
		beatsOn: s.shared.names.Heartbeat(s.shared.bySlot, s.partitions),
		ownHead: wire.EnvelopeHead(opts.Instance), ownLine: wire.EnvelopeHead2(opts.Instance), ownBeat: wire.BeatHead(opts.Instance, number),
		echoes: make(chan struct{}, 1), beats: make(chan peerBeat, beatPlaces), unsubscribed: make(chan string, 1),
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
	if err := x.connect(alive, x.receiver()); err != nil {
		return up, x.conns.greeting.explain(err)
	}
	return x.live(alive)
}

// connect subscribes to all partitions of the master before the session publishes.
func (x *session) connect(ctx context.Context, received func(channel, message string)) error {
	ctx, cancel := context.WithTimeout(ctx, x.shared.opts.DialTimeout)
	defer cancel()
	if err := x.conns.prepare(ctx, x.shared.names, x.shard.partitions); err != nil {
		return err
	}
	channels := slices.Sorted(maps.Keys(x.shared.names.Channels(x.shared.bySlot, x.shard.partitions)))
	channels = append(channels, x.beatsOn)
	return x.conns.subscribe(ctx, channels, received, func(channel string) {
		select {
		case x.unsubscribed <- channel:
		default:
		}
	})
}

// live runs the goroutines of the session until the first of them fails.
func (x *session) live(ctx context.Context) (up time.Time, err error) {
	g, ctx := errgroup.WithContext(ctx)
	proved := make(chan struct{})
	g.Go(func() error { return x.pulse(ctx) })
	g.Go(func() error { return x.watch(ctx, proved) })
	select {
	case <-proved:
		up = time.Now()
		x.shard.nowUp()
		x.shared.readers <- reader{x.shard.partitions, x.conns, true}
		defer func() {
			x.shared.readers <- reader{x.shard.partitions, x.conns, false}
			x.shared.outlets.gone <- x.out
		}()
		g.Go(func() error { return x.publish(ctx) })
		x.generation(ctx, x.shard.partitions)
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

// receiver returns the function that the Redis reader calls for each message. It waits for
// nothing but the inbox, which takes messages at any time.
func (x *session) receiver() func(channel, message string) {
	carries := x.shared.names.Channels(x.shared.bySlot, x.shard.partitions)
	return func(channel, message string) {
		if channel == x.beatsOn {
			x.heard(message)
			return
		}
		if strings.HasPrefix(message, x.ownLine) || strings.HasPrefix(message, x.ownHead) {
			x.shared.count.ownEchoes.Add(1)
			return
		}
		if of, ok := carries[channel]; ok {
			x.shared.inbox.take(incoming{channel: channel, of: of, message: message})
		}
	}
}

func (x *session) heard(message string) {
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
	instance, clock, ok := wire.DecodeBeat(message)
	if !ok {
		x.shared.garbage.found(foreignBeat, x.beatsOn, 1)
		return
	}
	select {
	case x.beats <- peerBeat{instance, clock}:
	default:
	}
}

// pulse publishes heartbeats, the first immediately.
func (x *session) pulse(ctx context.Context) error {
	ticker := time.NewTicker(x.shared.opts.Heartbeat)
	defer ticker.Stop()
	for {
		timed, cancel := context.WithTimeout(ctx, x.shared.opts.CallTimeout)
		err := x.conns.beat(timed, x.beatsOn, wire.Beat(x.shared.opts.Instance, x.number, x.shared.opts.Clock()))
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
	silence := time.NewTimer(x.shared.opts.EchoTimeout)
	defer silence.Stop()
	ticker := time.NewTicker(x.shared.opts.Heartbeat)
	defer ticker.Stop()
	ran := time.Now()
	stoodStill := func() bool {
		now := time.Now()
		defer func() { ran = now }()
		return now.Sub(ran) > 2*x.shared.opts.Heartbeat
	}
	for {
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
			if stoodStill() { // then it has sent no heartbeat either, and what came lies in the kernel
				silence.Reset(x.shared.opts.EchoTimeout)
				known.excuse(time.Now())
			} else if len(x.echoes) == 0 {
				return noEchoError(x.shared.opts.EchoTimeout)
			}
		case b := <-x.beats:
			known.heard(b.instance, time.Now())
			x.shared.clocks.raise(b.clock)
			x.shard.peers.Store(int64(len(known)))
		case <-ticker.C:
			if stoodStill() {
				silence.Reset(x.shared.opts.EchoTimeout)
				known.excuse(time.Now())
			}
			x.shard.peers.Store(int64(known.live(time.Now(), 3*x.shared.opts.Heartbeat)))
		case err := <-x.conns.broken:
			return fmt.Errorf("subscription: %w", orLost(err))
		case err := <-x.conns.doubts:
			return fmt.Errorf("read: %w", err)
		case channel := <-x.unsubscribed:
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
