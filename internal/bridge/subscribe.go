package bridge

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"backbone/internal/awake"
	"backbone/internal/partition"
)

// subscriptions is what Redis has confirmed, and not ended since.
type subscriptions struct {
	// Immutable. The channels and their partitions; of heartbeats those of any lowest partition.
	events, beats map[string]partition.Set
	bySlot        bool

	// Written by the Redis reader, read by any goroutine.
	toEvents, toBeats atomicSet

	// From the Redis reader.
	changed chan struct{} // one place: Redis has ended a subscription because its slot moved
	lost    chan string   // one place: a channel that Redis unsubscribed for another reason
}

func newSubscriptions(c *shared) *subscriptions {
	s := &subscriptions{
		events: c.names.Channels(c.bySlot, partition.All), beats: map[string]partition.Set{}, bySlot: c.bySlot,
		changed: make(chan struct{}, 1), lost: make(chan string, 1),
	}
	for p := range partition.Count {
		s.beats[c.names.Heartbeat(c.bySlot, partition.Only(p))] = partition.Only(p)
	}
	return s
}

// noted is called by the Redis reader for each subscription that begins or ends.
func (s *subscriptions) noted(channel string, begins bool) {
	if !s.bySlot {
		if !begins {
			select {
			case s.lost <- channel:
			default:
			}
		}
		return
	}
	set := &s.toEvents
	of, ok := s.events[channel]
	if !ok {
		set, of = &s.toBeats, s.beats[channel]
	}
	if begins {
		set.store(set.load() | of)
		return
	}
	set.store(set.load() &^ of)
	nudge(s.changed)
}

// subscribe subscribes to channels and returns when Redis has confirmed each of them. After
// that, one goroutine calls received for each message in order. It calls noted when Redis
// begins or ends a subscription.
func (c *redisConns) subscribe(ctx context.Context, channels []string, received func(channel, message string), noted func(channel string, begins bool)) error {
	confirmed := make(chan struct{})
	waiting := make(map[string]bool, len(channels)) // owned by the library's reader once it is filled
	for _, channel := range channels {
		waiting[channel] = true
	}
	c.broken = c.sub.SetPubSubHooks(rueidis.PubSubHooks{
		OnMessage: func(m rueidis.PubSubMessage) { received(m.Channel, m.Message) },
		OnSubscription: func(s rueidis.PubSubSubscription) {
			begins := !strings.HasSuffix(s.Kind, "unsubscribe")
			noted(s.Channel, begins)
			if !begins {
				return
			}
			if waiting[s.Channel] {
				delete(waiting, s.Channel)
				if len(waiting) == 0 {
					close(confirmed)
				}
			}
		},
	})
	// A command is answered when its first channel is confirmed, so the hook counts the rest.
	for _, r := range c.sub.DoMulti(ctx, c.subscriptions(channels)...) {
		if err := r.Error(); err != nil {
			return fmt.Errorf("%ssubscribe: %w", subscribeAdvice(err), err)
		}
	}
	select {
	case <-confirmed:
		return nil
	case err := <-c.broken:
		return fmt.Errorf("subscribe: %w", orLost(err))
	case <-ctx.Done():
		return fmt.Errorf("subscribe: %w", ctx.Err())
	}
}

// subscriptions returns the commands for channels: one for all, or one each in a cluster,
// where the channels of one command must share a slot.
func (c *redisConns) subscriptions(channels []string) (cmds []rueidis.Completed) {
	if !c.bySlot {
		return []rueidis.Completed{c.sub.B().Subscribe().Channel(channels...).Build()}
	}
	for _, channel := range channels {
		cmds = append(cmds, c.sub.B().Ssubscribe().Channel(channel).Build())
	}
	return cmds
}

// movedPause is how long events of a partition that has come from another master wait after
// this instance has subscribed there. Redis ends the old subscriptions of all instances in the
// same moment, so by then the others have subscribed too, and miss nothing.
const movedPause = 100 * time.Millisecond

// hold keeps the partitions of the session in step with those that the master has. What moves
// costs the other partitions nothing.
func (x *session) hold(ctx context.Context) error {
	ticker := time.NewTicker(x.shared.opts.Heartbeat)
	defer ticker.Stop()
	var differ disagreement
	for {
		if err := x.follow(ctx); err != nil {
			return err
		}
		inStep := x.shard.held.load() == x.shard.wanted.load()
		if differ.seen(inStep, time.Now(), 2*x.shared.opts.Heartbeat) > 2*x.shared.opts.EchoTimeout {
			return errors.New("the master and the cluster do not agree which rooms it has")
		}
		select {
		case <-x.shard.changed:
		case <-x.subs.changed:
		case <-ticker.C:
			// The answer to a call may be older than the last change.
			if again := x.moved.take() & x.shard.held.load(); again != 0 {
				x.shared.outlets.changes <- change{out: x.out, gained: again}
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// disagreement is for how long what a session holds was seen to differ from what is wanted.
type disagreement struct{ since, looked time.Time }

// seen says that they are in step, or not. Whoever did not look for longer than patience, because he
// waited for the Sink or stood still, does not know how long they differ, and begins anew.
func (d *disagreement) seen(inStep bool, now time.Time, patience time.Duration) time.Duration {
	if inStep || now.Sub(d.looked) > patience {
		d.since = now
	}
	d.looked = now
	return now.Sub(d.since)
}

// follow lets go of the partitions whose subscription Redis has ended, takes those that the
// topology grants, and moves the heartbeats to the channel of the lowest partition.
func (x *session) follow(ctx context.Context) error {
	held := x.shard.held.load()
	lost := held &^ x.subs.toEvents.load()
	if lost != 0 {
		held &^= lost
		x.shared.readers <- reader{lost, x.conns, false}
		x.shared.outlets.changes <- change{out: x.out, lost: lost}
	}
	timed, cancel := awake.WithTimeout(ctx, x.shared.opts.CallTimeout)
	defer cancel()
	more := x.shard.claim(held, lost)
	gained, err := x.conns.subscribeMore(timed, x.shared.names.Events, more)
	if err != nil {
		return err
	}
	held |= gained
	x.shard.held.store(held)
	if lost|more != gained {
		x.shared.doubt() // another shard can have them
	}
	if err := x.followBeats(timed, held); err != nil || gained == 0 {
		return err
	}
	x.shared.readers <- reader{gained, x.conns, true}
	pause := time.NewTimer(movedPause)
	defer pause.Stop()
	select {
	case <-pause.C:
	case <-ctx.Done():
		return nil
	}
	x.shared.outlets.changes <- change{out: x.out, gained: gained}
	x.generation(ctx, gained)
	return nil
}

// followBeats sends heartbeats where the instances expect them that hold the same partitions.
// Those of others on the channel before are heard until its slot moves.
func (x *session) followBeats(ctx context.Context, held partition.Set) error {
	if held == 0 {
		return nil
	}
	lowest := partition.Only(held.First())
	on := func(p int) string { return x.shared.names.Heartbeat(true, partition.Only(p)) }
	if x.subs.toBeats.load()&lowest == 0 {
		if taken, err := x.conns.subscribeMore(ctx, on, lowest); err != nil || taken == 0 {
			return err
		}
	}
	channel := on(held.First())
	x.beatsOn.Store(&channel)
	return nil
}

// subscribeMore subscribes to a channel of each partition beside others, in a cluster. It
// returns the partitions that the master has taken: it refuses those whose slots it does not
// have.
func (c *redisConns) subscribeMore(ctx context.Context, channel func(p int) string, of partition.Set) (taken partition.Set, err error) {
	if of == 0 {
		return 0, nil
	}
	var channels []string
	for p := range of.Each() {
		channels = append(channels, channel(p))
	}
	answers := c.sub.DoMulti(ctx, c.subscriptions(channels)...)
	for p := range of.Each() {
		err := answers[0].Error()
		answers = answers[1:]
		switch {
		case err == nil:
			taken |= partition.Only(p)
		case !elsewhere(err):
			return taken, fmt.Errorf("%ssubscribe: %w", subscribeAdvice(err), err)
		}
	}
	return taken, nil
}

// subscribeAdvice says what to do where Redis takes no subscriptions. It comes before the error,
// which may be cut.
func subscribeAdvice(err error) string {
	switch e, _ := rueidis.IsRedisErr(err); {
	case e == nil:
		return ""
	case strings.Contains(e.Error(), "unknown command"):
		return "a cluster needs Redis 7.0 or newer: "
	case strings.HasPrefix(e.Error(), "OOM"):
		return "since Redis 8.6 nobody can subscribe while its memory is full, so give it more, or set maxmemory-policy to volatile-ttl: "
	default:
		return ""
	}
}

func orLost(err error) error {
	if err == nil {
		return errors.New("the subscribing connection is lost")
	}
	return err
}
