package bridge

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"backbone/internal/partition"
)

// A session is the life of one link: connected, subscribed, confirmed, proved by an own
// heartbeat, and given up at the first doubt.
type session struct {
	*shard
	number  uint64
	link    *link
	ownHead string // of own bundles
	ownBeat string // of own heartbeats of this session
	beatsOn string // the channel of heartbeats
	out     *outlet
	echoes  chan struct{}
	beats   chan peerBeat
	taken   chan string // a channel that Redis unsubscribed
}

type peerBeat struct {
	origin string
	clock  uint64
}

// beatPlaces bounds heartbeats of others between the Redis reader and the watch. One
// that finds no place is left out: the next comes a second later.
const beatPlaces = 256

// session runs one session until it fails or ctx ends. up says when it began to work;
// it is zero if it never did.
func (s *shard) session(ctx context.Context) (up time.Time, err error) {
	alive, cancel := context.WithCancel(ctx)
	number := s.sessions.Add(1)
	x := &session{
		shard: s, number: number, beatsOn: s.names.heartbeat(s.sharded, s.partitions), out: newOutlet(s.partitions),
		ownHead: envelopeHead(s.opts.Origin), ownBeat: beatHead(s.opts.Origin, number),
		echoes: make(chan struct{}, 1), beats: make(chan peerBeat, beatPlaces), taken: make(chan string, 1),
	}
	x.link, err = s.dial(alive)
	if err != nil {
		cancel()
		return up, err
	}
	defer func() {
		cancel() // first: it closes the sockets, so that nothing waits for Redis
		x.link.close()
	}()
	if err := x.connect(alive, x.receiver()); err != nil {
		return up, err
	}
	return x.live(alive)
}

// connect subscribes to all partitions before anything is published.
func (x *session) connect(ctx context.Context, received func(channel, message string)) error {
	ctx, cancel := context.WithTimeout(ctx, x.opts.DialTimeout)
	defer cancel()
	if err := x.link.prepare(ctx, x.names, x.partitions); err != nil {
		return err
	}
	channels := slices.Sorted(maps.Keys(x.names.channels(x.partitions)))
	channels = append(channels, x.beatsOn)
	return x.link.subscribe(ctx, channels, received, func(channel string) {
		select {
		case x.taken <- channel:
		default:
		}
	})
}

// live runs the session's goroutines until the first of them fails.
func (x *session) live(ctx context.Context) (up time.Time, err error) {
	g, ctx := errgroup.WithContext(ctx)
	proved := make(chan struct{})
	g.Go(func() error { return x.pulse(ctx) })
	g.Go(func() error { return x.watch(ctx, proved) })
	select {
	case <-proved:
		up = time.Now()
		x.nowUp()
		x.readLinks <- readLink{x.partitions, x.link, true}
		defer func() {
			x.readLinks <- readLink{x.partitions, x.link, false}
			x.outlets.gone <- x.out
		}()
		g.Go(func() error { return x.publish(ctx) })
		x.generation(ctx, x.partitions)
	case <-ctx.Done():
	}
	return up, g.Wait()
}

// generation tells the Sink of one. What came before and still waits in the inbox goes
// first: taken behind it, a newer value would not be offered again with the others.
func (x *session) generation(ctx context.Context, partitions partition.Set) {
	x.inbox.settle(ctx)
	x.opts.Sink.Generation(ctx, partitions)
}

// receiver returns what the Redis reader calls for each message. It waits for nothing
// but the inbox, which takes at any time.
func (x *session) receiver() func(channel, message string) {
	partitions := x.names.channels(x.partitions)
	return func(channel, message string) {
		if channel == x.beatsOn {
			x.heard(message)
			return
		}
		if strings.HasPrefix(message, x.ownHead) {
			x.count.ownEchoes.Add(1)
			return
		}
		if p, ok := partitions[channel]; ok {
			x.inbox.take(bundle{partition: p, message: message})
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
	origin, clock, ok := decodeBeat(message)
	if !ok {
		x.count.garbage.Add(1)
		return
	}
	select {
	case x.beats <- peerBeat{origin, clock}:
	default:
	}
}

// pulse publishes heartbeats, the first at once.
func (x *session) pulse(ctx context.Context) error {
	ticker := time.NewTicker(x.opts.Heartbeat)
	defer ticker.Stop()
	for {
		timed, cancel := context.WithTimeout(ctx, x.opts.CallTimeout)
		err := x.link.beat(timed, x.beatsOn, beat(x.opts.Origin, x.number, x.opts.Clock()))
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

// watch ends the session at the first sign that it does not work. It closes proved at
// the first own heartbeat.
func (x *session) watch(ctx context.Context, proved chan<- struct{}) error {
	known := peers{}
	defer x.peers.Store(0)
	silence := time.NewTimer(x.opts.EchoTimeout)
	defer silence.Stop()
	ticker := time.NewTicker(x.opts.Heartbeat)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-x.echoes:
			x.count.heartbeats.Add(1)
			if proved != nil {
				close(proved)
				proved = nil
			}
			silence.Reset(x.opts.EchoTimeout)
		case <-silence.C:
			if len(x.echoes) == 0 { // else it was this process that stood still
				return fmt.Errorf("no own heartbeat came back for %v", x.opts.EchoTimeout)
			}
		case b := <-x.beats:
			known.heard(b.origin, time.Now())
			x.clocks.raise(b.clock)
			x.peers.Store(int64(len(known)))
		case <-ticker.C:
			x.peers.Store(int64(known.live(time.Now(), 3*x.opts.Heartbeat)))
		case err := <-x.link.broken:
			return fmt.Errorf("subscription: %w", orLost(err))
		case err := <-x.link.doubts:
			return fmt.Errorf("read: %w", err)
		case channel := <-x.taken:
			return fmt.Errorf("redis ended the subscription of %s", channel)
		}
	}
}
