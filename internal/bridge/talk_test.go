package bridge

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"backbone/internal/hub"
	"backbone/internal/partition"
)

const (
	movedTo  = "-MOVED 1 127.0.0.1:1\r\n"
	tryAgain = "-TRYAGAIN Multiple keys request during rehashing of slot\r\n"
	noScript = "-NOSCRIPT No matching script. Please use EVAL.\r\n"
	stored   = "$0\r\n\r\n"
)

// talking is a session with a Redis that answers a command by the partition that it is for, as
// "SPUBLISH 7", or any, as "SPUBLISH", and to scripts before they are loaded as "unloaded". asked are
// the commands that came, by the same names.
type talking struct {
	*session
	with  *composer
	asked chan string
}

func newTalking(t *testing.T, bySlot bool, answers map[string]string) talking {
	t.Helper()
	y := talking{session: newWatched(t), asked: make(chan string, 1000)}
	var loaded atomic.Bool
	address := fakeRedisThat(t, func(words []string) (string, bool) {
		name := words[0]
		for p := range partition.Count {
			if strings.Contains(strings.Join(words, " "), "{"+partition.Tag(p)+"}") {
				name = fmt.Sprint(words[0], " ", p)
			}
		}
		y.asked <- name
		answer, ok := answers["unloaded"]
		switch {
		case words[0] == "SCRIPT":
			loaded.Store(true)
			return stored, true
		case words[0] == "EVALSHA" && ok && !loaded.Load():
			return answer, true
		}
		answer, ok = answers[name]
		if !ok {
			answer, ok = answers[words[0]]
		}
		if !ok && words[0] == "SSUBSCRIBE" {
			answer, ok = ">3\r\n"+bulk("ssubscribe")+bulk(words[1])+":1\r\n", true
		}
		return answer, ok
	})
	y.shared.bySlot, y.shared.scripts = bySlot, newScripts(bySlot)
	y.shared.outlets = newOutlets(*y.shared.opts, y.shared.count)
	y.shared.inbox = newInbox(*y.shared.opts, y.shared.count, y.shared.garbage)
	y.out, y.subs = newOutlet(partition.All), newSubscriptions(y.shared)
	y.with = &composer{names: y.shared.names, instance: "me", ttl: y.shared.opts.TTL}
	y.shard.redis.InitAddress = []string{address}
	y.shard.held.store(partition.All)
	ctx, cancel := context.WithCancel(t.Context())
	var err error
	if y.conns, err = y.shard.dial(ctx); err != nil {
		t.Fatal(err)
	}
	y.conns.identity = identity{runID: "1", role: "master"}
	ended := make(chan struct{})
	var inbox sync.WaitGroup
	inbox.Go(func() { y.shared.inbox.run(ended) })
	inbox.Go(func() { y.shared.inbox.deliver(ctx, y.shared.opts.Sink) })
	t.Cleanup(func() {
		cancel()
		close(ended)
		inbox.Wait()
		y.conns.close()
	})
	return y
}

// ticks is a value of each partition.
func ticks(partitions ...int) (events []hub.BroadcastEvent) {
	for _, p := range partitions {
		events = append(events, tick("me", inPartition(p), 1, p))
	}
	return events
}

func (y talking) bundlesOf(events []hub.BroadcastEvent) []bundle {
	return bundler{names: y.shared.names, ttl: y.shared.opts.TTL}.bundles(events)
}

func only(partitions ...int) (set partition.Set) {
	for _, p := range partitions {
		set |= partition.Only(p)
	}
	return set
}

// hasText checks that an error has a text, or that there is none if the text is "".
func hasText(t *testing.T, err error, want string) {
	t.Helper()
	if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %q", err, want)
	}
}

// The answer to one call says nothing of those behind it in the same round trip.
func TestEachCallOfARoundTripHasItsAnswer(t *testing.T) {
	noLeak(t)
	for name, c := range map[string]struct {
		answers                                map[string]string
		alone, later                           bool // no cluster; values are stored later
		refused, moved                         partition.Set
		published, notSent, inDoubt, notStored uint64
		fails                                  string
	}{
		"all well":     {published: 3},
		"stored later": {answers: map[string]string{"SPUBLISH": ":1\r\n"}, later: true, published: 3},
		"moved":        {answers: map[string]string{"EVALSHA 1": movedTo, "EVALSHA 2": movedTo}, moved: only(1, 2), published: 1},
		"on their way": {answers: map[string]string{"EVALSHA 1": tryAgain, "EVALSHA 2": tryAgain, "SPUBLISH": ":1\r\n"}, refused: only(1, 2), published: 3, notStored: 2},
		"refused":      {answers: map[string]string{"EVALSHA 1": tryAgain, "EVALSHA 2": tryAgain, "SPUBLISH": tryAgain}, refused: only(1, 2), published: 1, notSent: 2},
		"no cluster":   {answers: map[string]string{"EVALSHA 1": movedTo}, alone: true, refused: only(1), published: 2, notSent: 1, fails: "use redis+cluster://"},
		"in doubt":     {answers: map[string]string{"EVALSHA 1": "-ERR broken\r\n", "EVALSHA 2": "-ERR other\r\n"}, published: 1, inDoubt: 2, fails: "outbox: broken"},
		"a replica":    {answers: map[string]string{"EVALSHA 1": bulk("READONLY replica")}, published: 3, notStored: 1, fails: "became a replica"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.answers == nil {
				c.answers = map[string]string{}
			}
			c.answers["EVALSHA"] = stored
			y := newTalking(t, !c.alone, c.answers)
			if c.later {
				y.shared.opts.StoreInterval = time.Hour
			}
			refused, moved, err := y.send(t.Context(), y.with, roundTrips(y.bundlesOf(ticks(1, 2, 3)), false)[0])
			hasText(t, err, c.fails)
			if refused != c.refused || moved != c.moved {
				t.Errorf("refused %x, moved %x, want %x, %x", refused, moved, c.refused, c.moved)
			}
			n := y.shared.count
			got := [...]uint64{n.published.Load(), n.bundles.Load(), n.drops[DropNotSent].Load(), n.drops[DropInDoubt].Load(), n.storeFailed.Load()}
			if want := [...]uint64{c.published, c.published, c.notSent, c.inDoubt, c.notStored}; got != want {
				t.Errorf("published, messages, not sent, in doubt, not stored: %v, want %v", got, want)
			}
		})
	}
}

// What is refused and what moved is both offered again, and what moved holds up no other partition.
func TestWhatMovedIsNotSentAgain(t *testing.T) {
	noLeak(t)
	y := newTalking(t, true, map[string]string{"EVALSHA 1": movedTo, "EVALSHA 2": tryAgain, "SPUBLISH 2": tryAgain, "EVALSHA": stored})
	b := y.bundlesOf(ticks(1, 2, 3))
	refused, err := y.sendAgain(t.Context(), y.with, b)
	if err != nil || refused != only(1, 2) {
		t.Errorf("to be offered again %x, %v, want 1 and 2", refused, err)
	}
	_, moved, err := y.sendAll(t.Context(), y.with, []bundle{b[0], b[0], b[0], b[2]})
	if got := y.shared.count.published.Load(); err != nil || moved.partitions != only(1) || got != 2 {
		t.Errorf("moved %x, %d published, %v", moved.partitions, got, err)
	}
}

func TestWhatCanNotBeStoredLater(t *testing.T) {
	noLeak(t)
	for name, c := range map[string]struct {
		answers   map[string]string
		alone     bool
		refused   partition.Set
		notStored uint64
		fails     string
	}{
		"all well":       {},
		"on their way":   {answers: map[string]string{"EVALSHA 1": tryAgain, "EVALSHA 2": tryAgain}, refused: only(1, 2), notStored: 2},
		"broken":         {answers: map[string]string{"EVALSHA 1": "-ERR broken\r\n"}, fails: "store: broken"},
		"no cluster":     {answers: map[string]string{"EVALSHA 1": tryAgain}, alone: true, fails: "store: TRYAGAIN"},
		"a replica":      {answers: map[string]string{"EVALSHA 2": bulk("READONLY replica")}, notStored: 1, fails: "store: the server became a replica"},
		"broken first":   {answers: map[string]string{"EVALSHA 1": "-ERR broken\r\n", "EVALSHA 2": bulk("READONLY replica")}, notStored: 1, fails: "store: broken"},
		"forgotten":      {answers: map[string]string{"unloaded": noScript}},
		"another server": {answers: map[string]string{"unloaded": noScript, "INFO": bulk("run_id:2\r\n")}, fails: "another server answers"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.answers == nil {
				c.answers = map[string]string{}
			}
			c.answers["EVALSHA"] = stored
			y := newTalking(t, !c.alone, c.answers)
			values := unstored{every: time.Hour}
			values.add(ticks(1, 2, 3), 0)
			refused, err := y.store(t.Context(), y.with, &values)
			hasText(t, err, c.fails)
			if got := y.shared.count.storeFailed.Load(); refused != c.refused || got != c.notStored || values.values != nil {
				t.Errorf("refused %x, %d not stored, want %x, %d", refused, got, c.refused, c.notStored)
			}
		})
	}
}
