package bridge

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"backbone/internal/bridge/wire"
	"backbone/internal/partition"
	"backbone/internal/redisurl"
)

// newWatched is a session as far as its watch needs one, without Redis.
func newWatched(t *testing.T) *session {
	_, o := newInstance(t, "me")
	o = o.withDefaults()
	s := &shard{shared: &shared{opts: &o, names: wire.Names{Prefix: o.Prefix}, clocks: newClockBox(), count: new(counters), garbage: &garbage{count: new(counters), log: o.Logger}, log: o.Logger}}
	return &session{
		shard: s, shared: s.shared, number: 2, ownHead: wire.EnvelopeHead("me"), ownLine: wire.EnvelopeHead2("me"), ownBeat: wire.BeatHead("me", 2),
		echoes: make(chan struct{}, 1), beats: make(chan wire.Heartbeat, 2), subs: newSubscriptions(s.shared), forms: newFormChoice(&o, time.Now()),
		conns: &redisConns{broken: make(chan error), doubts: make(chan error, 1)},
	}
}

func TestTheWatchEndsWithoutEchoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newWatched(t)
		proved := make(chan struct{})
		ended := make(chan error, 1)
		go func() { ended <- x.watch(t.Context(), proved) }()
		for range 5 {
			x.heard("heartbeat", wire.Beat("me", 2, 1))
			<-proved
			time.Sleep(2 * time.Second) // fake time
			synctest.Wait()
			if len(ended) > 0 {
				t.Fatalf("ended although heartbeats came back: %v", <-ended)
			}
		}
		x.heard("heartbeat", wire.Beat("me", 1, 1)) // of an earlier session: proves nothing
		time.Sleep(600 * time.Millisecond)
		synctest.Wait()
		if len(ended) == 0 {
			t.Fatal("goes on without an own heartbeat for 2.6 s")
		}
		if err := <-ended; err == nil || !strings.Contains(err.Error(), "heartbeat") {
			t.Errorf("ended with %v", err)
		}
		if got := x.shared.count.heartbeats.Load(); got != 5 {
			t.Errorf("%d own heartbeats counted, want 5", got)
		}
	})
}

// standsStill is where a log goes that takes its time, in which who logs does nothing else.
type standsStill time.Duration

func (d standsStill) Write(p []byte) (int, error) {
	time.Sleep(time.Duration(d)) // fake time
	return len(p), nil
}

// Without an echo the watch ends, later by what it could not see.
func TestTheWatchExcusesTheTimeInWhichItStoodStill(t *testing.T) {
	for name, c := range map[string]struct{ at, stands, ends time.Duration }{
		"not":                         {time.Second, time.Second, 2500 * time.Millisecond},
		"for long":                    {0, 4 * time.Second, 6500 * time.Millisecond},
		"for long, and hardly late":   {0, 2501 * time.Millisecond, 5001 * time.Millisecond},
		"for less than its ticks see": {1700 * time.Millisecond, 900 * time.Millisecond, 2700 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := newWatched(t)
				x.forms.format, x.forms.log = Format2, slog.New(slog.NewTextHandler(standsStill(c.stands), nil))
				begun := time.Now()
				ended := make(chan error, 1)
				go func() { ended <- x.watch(t.Context(), make(chan struct{})) }()
				time.Sleep(c.at)
				x.heard("heartbeat", `{"v":1,"origin":"old","session":1,"clock":"0000000000000001"}`) // is logged
				err := <-ended
				if took := time.Since(begun); took != c.ends {
					t.Errorf("ended after %v, want %v: %v", took, c.ends, err)
				}
			})
		})
	}
}

func TestTheWatchCountsPeersAndForgetsThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newWatched(t)
		x.shared.opts.EchoTimeout = time.Hour
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- x.watch(ctx, make(chan struct{})) }()
		x.heard("heartbeat", wire.Beat("me", 1, 9))
		x.heard("heartbeat", wire.Beat("other", 7, 5))
		synctest.Wait()
		if peers, clock := x.shard.peers.Load(), x.shared.clocks.newest.Load(); peers != 1 || clock != 5 {
			t.Errorf("%d peers, clock %d, want 1 and 5", peers, clock)
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if peers := x.shard.peers.Load(); peers != 0 {
			t.Errorf("%d peers after silence", peers)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("watch: %v", err)
		}
	})
}

func TestTheWatchEndsWhenAnythingIsLost(t *testing.T) {
	for name, lose := range map[string]func(*session){
		"broken": func(x *session) {
			broken := make(chan error, 1)
			broken <- errors.New("gone")
			x.conns.broken = broken
		},
		"closed": func(x *session) {
			broken := make(chan error)
			close(broken)
			x.conns.broken = broken
		},
		"taken": func(x *session) { x.subs.noted("backbone:events:{1}", false) },
		"doubt": func(x *session) { x.conns.doubt(errors.New("gone")) },
	} {
		x := newWatched(t)
		lose(x)
		if err := x.watch(t.Context(), make(chan struct{})); err == nil || strings.Contains(err.Error(), "heartbeat") {
			t.Errorf("%s: watch ended with %v", name, err)
		}
	}
}

func TestATimeOutOfAReadIsNoDoubt(t *testing.T) {
	x := newWatched(t)
	x.conns.doubt(context.DeadlineExceeded)
	if len(x.conns.doubts) != 0 {
		t.Error("the session would end")
	}
}

func TestStatusIsThatOfTheWorstShard(t *testing.T) {
	t0 := time.Now()
	for _, c := range []struct {
		states []State
		want   State
		since  int
	}{
		{[]State{OK, OK}, OK, 1},
		{[]State{OK, Connecting}, Connecting, 1},
		{[]State{Degraded, Connecting, OK}, Degraded, 0},
		{[]State{OK, Degraded, OK, Degraded, Connecting}, Degraded, 1},
		{[]State{Connecting, Connecting}, Connecting, 0},
	} {
		b := &Bridge{masters: newTopology(newTarget(&redisurl.URL{Addresses: []string{"h:1"}}, nil), &shared{})}
		b.masters.missing.Store(nil)
		shards := []*shard{}
		for i, state := range c.states {
			s := &shard{}
			s.status.Store(&ShardStatus{State: state, Since: t0.Add(time.Duration(i) * time.Second)})
			shards = append(shards, s)
		}
		b.masters.shards.Store(&shards)
		got := b.Status()
		if got.State != c.want || !got.Since.Equal(t0.Add(time.Duration(c.since)*time.Second)) || len(got.Shards) != len(c.states) {
			t.Errorf("%v: %+v", c.states, got)
		}
	}
}

// A new shard of a master must not take a late heartbeat of the shard before for its own.
func TestSessionsOfAllShardsAreCountedTogether(t *testing.T) {
	_, o := newInstance(t, "me")
	o = o.withDefaults()
	all := &shared{opts: &o, names: wire.Names{Prefix: o.Prefix}, log: o.Logger}
	for range 3 {
		s := &shard{shared: all, redis: newTarget(&redisurl.URL{}, nil).at("127.0.0.1:1")}
		s.wanted.store(partition.All)
		if _, err := s.session(t.Context()); err == nil {
			t.Error("a session with nobody")
		}
	}
	if got := all.sessions.Load(); got != 3 {
		t.Errorf("%d sessions counted, want 3", got)
	}
}
