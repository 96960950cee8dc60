package ingest

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"backbone/internal/hub"
	"backbone/internal/moment"
	"backbone/internal/partition"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	testTTL  = 30 * time.Second
	everyone = partition.All
)

// epoch is when the tests' time begins. Its clocks are far from one another.
var epoch = moment.Time{Steady: 3 * time.Second, UnixMS: 1_700_000_000_000}

// testOptions are those of an instance that has others if linked.
func testOptions(origin string, linked bool) Options {
	o := Options{
		Instance: origin, Types: []string{""}, TTL: testTTL, MaxInstruments: 1000, OutboxBytes: 1 << 20,
		Snapshot:   func(payload string) string { return payload + "!" },
		Ends:       func(payload string) bool { return strings.HasPrefix(payload, "gone") },
		NoSnapshot: func(room string) string { return "no " + room },
		FeedStatus: func(room string, silent bool, sinceMS int64) string {
			return fmt.Sprintf("%s silent=%t since=%d", room, silent, sinceMS-epoch.UnixMS)
		},
		BridgeStatus: func(ok bool, sinceMS int64) string {
			return fmt.Sprintf("bridge ok=%t since=%d", ok, sinceMS-epoch.UnixMS)
		},
		Delay:  func(limit time.Duration) time.Duration { return limit / 2 },
		Logger: slog.New(slog.DiscardHandler),
	}
	if linked {
		o.Outbox, o.Reads = make(chan []hub.BroadcastEvent), make(chan []string)
	}
	return o
}

// box is a core with a clock of its own.
type box struct {
	*core
	t   *testing.T
	now moment.Time
	log *bytes.Buffer

	producers map[string]*producer // by name
}

// publish has the one connection of a producer publish.
func (b *box) publish(from string, events []hub.BroadcastEvent, now moment.Time) (pass []hub.BroadcastEvent, rejected []int) {
	if b.producers[from] == nil {
		b.connected(from, from, "")
	}
	return b.core.publish(b.producers[from], events, now)
}

func newBox(t *testing.T, linked bool, change ...func(*Options)) *box {
	t.Helper()
	b := &box{t: t, now: epoch, log: &bytes.Buffer{}}
	o := testOptions("me", linked)
	o.Logger = slog.New(slog.NewTextHandler(b.log, nil))
	for _, f := range change {
		f(&o)
	}
	b.core = newCore(o, b.now)
	return b
}

// wait moves the clocks.
func (b *box) wait(d time.Duration) { b.now = b.now.Add(d) }

// setWall sets the wall clock forward, or back.
func (b *box) setWall(by time.Duration) { b.now.UnixMS += by.Milliseconds() }

// local publishes one price and returns the event as it was passed on.
func (b *box) local(room, payload string) hub.BroadcastEvent {
	b.t.Helper()
	pass, rejected := b.publish("p", []hub.BroadcastEvent{{Room: room, Payload: payload}}, b.now)
	if len(pass) == 0 || len(rejected) != 0 {
		b.t.Fatalf("publish of %s: passed %v, rejected %v; want it passed", room, pass, rejected)
	}
	return pass[0]
}

// from returns a live price of another instance, set clock ms after the epoch.
func from(origin, room string, ms int64, seq uint64, payload string) hub.BroadcastEvent {
	at := epoch.Add(time.Duration(ms) * time.Millisecond)
	return hub.BroadcastEvent{
		Room: room, Payload: payload, Seq: seq, Born: at.Steady,
		Version: hub.Version{Clock: wall(at), Instance: origin},
	}
}

// lives is e as an event of another life of its room.
func lives(e hub.BroadcastEvent, life uint32) hub.BroadcastEvent {
	e.Life = life
	return e
}

// again is e as it is offered again.
func again(e hub.BroadcastEvent) hub.BroadcastEvent {
	e.Kind = hub.Recovered
	return e
}

// take gives the core events of other instances and describes what it passes on.
func (b *box) take(events ...hub.BroadcastEvent) string {
	return describe(b.remote(append([]hub.BroadcastEvent(nil), events...), b.now))
}

// join counts a member in and describes what it is told.
func (b *box) join(rooms ...string) string {
	return describe(b.watch(rooms, hub.Wants{Absent: true}, b.now))
}

// answer answers the reads that the core has asked for with what is found.
func (b *box) answer(found ...hub.BroadcastEvent) string {
	b.t.Helper()
	return b.answerAs(false, found...)
}

func (b *box) answerAs(failed bool, found ...hub.BroadcastEvent) string {
	b.t.Helper()
	rooms := b.nextReads()
	if len(rooms) == 0 {
		b.t.Fatal("nothing was asked for; want a read")
	}
	b.readsSent()
	return describe(b.lastPrices(rooms, found, failed, b.now))
}

// offered takes the batch for the bridge and describes it.
func (b *box) offered() string {
	defer b.outboxSent()
	return describe(b.out.Events())
}

// settle does all work that is due.
func (b *box) settle() (pass string) {
	for next := b.next(); next <= b.now.Steady; next = b.next() {
		pass += describe(b.tasks(b.now))
	}
	return pass
}

// link begins a generation and does what it asks for.
func (b *box) link(partitions partition.Set) {
	b.beginGeneration(partitions)
	b.settle()
}

var kinds = [...]string{"live", "message", "warm", "recovered", "absent", "status", "status-now", "resync"}

// describe is short for a test to compare: "kind room payload", and what was missed.
func describe(events []hub.BroadcastEvent) string {
	var b strings.Builder
	for _, e := range events {
		fmt.Fprintf(&b, "%s %s %s", kinds[e.Kind], e.Room, e.Payload)
		if e.Missed > 0 {
			fmt.Fprintf(&b, " missed=%d", e.Missed)
		}
		b.WriteString("; ")
	}
	return strings.TrimSuffix(b.String(), "; ")
}

func want(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}
