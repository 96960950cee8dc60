package bridge

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"backbone/internal/bridge/wire"
	"backbone/internal/hub"
	"backbone/internal/partition"
)

// publishing runs the publishing goroutine of a session. hand gives it events, and returns what it
// gives back once it is idle again.
func (y talking) publishing(t *testing.T) (hand func(events []hub.BroadcastEvent) idle) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- y.publish(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := receive(t, ended, "the end of publish"); err != nil {
			t.Errorf("publish: %v", err)
		}
	})
	receive(t, y.shared.outlets.idle, "a session that can publish")
	return func(events []hub.BroadcastEvent) idle {
		t.Helper()
		y.out.events <- events
		return receive(t, y.shared.outlets.idle, "a session that can publish again")
	}
}

// count says how often a command was asked so far, and forgets all.
func (y talking) count(name string) (n int) {
	for len(y.asked) > 0 {
		if <-y.asked == name {
			n++
		}
	}
	return n
}

// What was refused is offered again with the next heartbeat, though more was accepted meanwhile.
func TestWhatWasRefusedIsOfferedAgain(t *testing.T) {
	noLeak(t)
	y := newTalking(t, true, map[string]string{"EVALSHA 1": tryAgain, "EVALSHA 2": tryAgain, "SPUBLISH": tryAgain, "EVALSHA": stored, "SET": "_\r\n"})
	y.shared.opts.Heartbeat = 200 * time.Millisecond
	hand := y.publishing(t)
	for _, p := range []int{1, 2, 3} {
		hand(ticks(p))
	}
	y.offersAgain(t, only(1, 2))
}

// As what could not be stored later is.
func TestWhatCouldNotBeStoredIsOfferedAgain(t *testing.T) {
	noLeak(t)
	y := newTalking(t, true, map[string]string{"SPUBLISH 1": tryAgain, "SPUBLISH": ":1\r\n", "EVALSHA 2": tryAgain, "EVALSHA": stored, "SET": "_\r\n"})
	y.shared.opts.Heartbeat, y.shared.opts.StoreInterval = 300*time.Millisecond, time.Millisecond
	hand := y.publishing(t)
	for _, p := range []int{1, 2, 3} {
		hand(ticks(p))
	}
	y.offersAgain(t, only(1, 2))
}

// offersAgain waits until generations have begun for some partitions, and for no others.
func (y talking) offersAgain(t *testing.T, want partition.Set) {
	t.Helper()
	for again := partition.Set(0); again != want; {
		if again |= receive(t, y.shared.opts.Sink.(*instance).generations, "a generation"); again&^want != 0 {
			t.Fatalf("offered again are %x, want %x", again, want)
		}
	}
}

// What moved waits for the other master, and is not stored here. What can not be stored at the end
// is told with how many partitions it has.
func TestWhatMovedIsNotStoredLater(t *testing.T) {
	noLeak(t)
	y := newTalking(t, true, map[string]string{"SPUBLISH 1": movedTo, "SPUBLISH": ":1\r\n", "EVALSHA 2": tryAgain, "EVALSHA": stored})
	y.shared.opts.StoreInterval = time.Hour
	y.shared.opts.Heartbeat = time.Hour
	sink := y.shared.opts.Sink.(*instance)
	hand := y.publishing(t)
	if got := hand(ticks(1, 3)); len(got.back) != 1 || got.moved != only(1) {
		t.Errorf("given back are %+v of %x, want that of 1", got.back, got.moved)
	}
	y.count("")
	hand(nil)
	if got := sink.loggedSoFar(); len(y.asked) != 1 || y.count("EVALSHA 3") != 1 || got != "" {
		t.Errorf("stored is not 3 alone; logged %q", got)
	}
	hand(ticks(2, 3))
	hand(nil)
	if got := sink.loggedSoFar(); !strings.Contains(got, "has not stored some last prices") || !strings.Contains(got, "partitions=1\n") {
		t.Errorf("logged %q, want that one partition is not stored", got)
	}
}

func TestSubscribingToWhatTheMasterHas(t *testing.T) {
	noLeak(t)
	y := newTalking(t, true, map[string]string{"SSUBSCRIBE 2": movedTo, "SSUBSCRIBE 4": "-ERR broken\r\n"})
	taken, err := y.conns.subscribeMore(t.Context(), y.shared.names.Events, only(1, 2, 3))
	if err != nil || taken != only(1, 3) {
		t.Errorf("taken are %x, %v, want 1 and 3", taken, err)
	}
	before := "before"
	y.beatsOn.Store(&before)
	for _, c := range []struct {
		held  partition.Set
		want  string
		fails string
	}{
		{0, before, ""}, {only(2, 3), before, ""}, {only(4), before, "broken"},
		{only(3, 4), y.shared.names.Heartbeat(true, only(3)), ""}, {only(1), y.shared.names.Heartbeat(true, only(1)), ""},
	} {
		hasText(t, y.followBeats(t.Context(), c.held), c.fails)
		if got := *y.beatsOn.Load(); got != c.want {
			t.Errorf("with %x heartbeats go to %s, want %s", c.held, got, c.want)
		}
	}
}

// A slot of heartbeats that moves is followed. Anything else that keeps them away ends the session.
func TestAHeartbeatThatIsRefused(t *testing.T) {
	noLeak(t)
	for answer, want := range map[string]string{":1\r\n": "", movedTo: "", "-ERR broken\r\n": "heartbeat: broken"} {
		y := newTalking(t, true, map[string]string{"SPUBLISH": answer})
		hasText(t, y.conns.beat(t.Context(), "channel", wire.Beat("me", 2, 1)), want)
	}
	y := newTalking(t, false, map[string]string{"PUBLISH": movedTo})
	hasText(t, y.conns.beat(t.Context(), "channel", wire.Beat("me", 2, 1)), "heartbeat: MOVED")
}

// said is what Redis answers.
func said(t *testing.T, answer string) rueidis.RedisResult {
	t.Helper()
	y := newTalking(t, false, map[string]string{"GET": answer})
	return y.conns.client.Do(t.Context(), y.conns.client.B().Get().Key("x").Build())
}

func TestWordsOfErrors(t *testing.T) {
	noLeak(t)
	for answer, want := range map[string]bool{"-CROSSSLOT Keys\r\n": true, "-ERR Keys\r\n": false, "+CROSSSLOT\r\n": false} {
		if got := crossSlot(said(t, answer).Error()); got != want {
			t.Errorf("%q is about slots: %t", answer, got)
		}
	}
	hasText(t, decodePrices(said(t, "*3\r\n:1\r\n:2\r\n:3\r\n"), []string{"a", "b", "c"}, nil), "3 fields, not 6")
	for words, want := range map[string]string{"\x15\x03\x01": "the port speaks TLS", "x": "does not speak as Redis does"} {
		g := new(greeting)
		g.said.Store(&words)
		hasText(t, g.explain(errors.New("gone")), want)
	}
	hasText(t, orLost(nil), "connection is lost")
	hasText(t, orLost(errors.New("gone")), "gone")
}

// A heartbeat that lies there is heard before the session is given up for the lack of one.
func TestAnEchoThatLiesThereCounts(t *testing.T) {
	for range 20 { // either may come first
		x := newWatched(t)
		x.shared.opts.EchoTimeout = 0
		x.echoes <- struct{}{}
		err := x.watch(t.Context(), make(chan struct{}))
		if hasText(t, err, "no own heartbeat"); x.shared.count.heartbeats.Load() != 1 {
			t.Fatalf("ended without the heartbeat that lay there: %v", err)
		}
	}
}
