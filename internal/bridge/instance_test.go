package bridge

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"backbone/internal/hub"
	"backbone/internal/moment"
	"backbone/internal/partition"
	"backbone/internal/redistest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, redistest.ProxyLeaks()) }

// patience bounds every wait of these tests; nothing is expected to take so long.
const patience = 20 * time.Second

// instance is a bridge with a Sink that keeps everything in channels.
type instance struct {
	t      *testing.T
	id     string
	outbox chan []hub.BroadcastEvent
	reads  chan []string
	log    *logBook
	stats  func() Stats
	bridge *Bridge

	remote      chan hub.BroadcastEvent
	answers     chan answer
	generations chan partition.Set
	clocks      chan uint64
	states      chan bool

	stop func()
}

type answer struct {
	rooms []string
	found []hub.BroadcastEvent
	err   error
}

func (i *instance) Remote(ctx context.Context, events []hub.BroadcastEvent) {
	for _, e := range events {
		put(ctx, i.remote, e)
	}
}

func (i *instance) LastPrices(ctx context.Context, rooms []string, found []hub.BroadcastEvent, err error) {
	put(ctx, i.answers, answer{rooms, found, err})
}
func (i *instance) Generation(ctx context.Context, partitions partition.Set) {
	put(ctx, i.generations, partitions)
}
func (i *instance) Clock(ctx context.Context, clock uint64)         { put(ctx, i.clocks, clock) }
func (i *instance) State(ctx context.Context, ok bool, _ time.Time) { put(ctx, i.states, ok) }

func put[T any](ctx context.Context, to chan<- T, v T) {
	select {
	case to <- v:
	case <-ctx.Done():
	}
}

// noLeak fails the test if goroutines are left after all that the test started ended.
// It must be called first.
func noLeak(t *testing.T) {
	t.Helper()
	t.Cleanup(func() { goleak.VerifyNone(t, redistest.ProxyLeaks()) })
}

func newInstance(t *testing.T, id string) (*instance, Options) {
	i := &instance{
		t: t, id: id, log: &logBook{lines: make(chan string, 1000)},
		outbox: make(chan []hub.BroadcastEvent), reads: make(chan []string),
		remote: make(chan hub.BroadcastEvent, 1<<16), answers: make(chan answer, 100),
		generations: make(chan partition.Set, 100), clocks: make(chan uint64, 1000), states: make(chan bool, 1000),
	}
	return i, Options{
		Instance: id, Types: []string{"price", "book"}, TTL: 30 * time.Second, Outbox: i.outbox, Reads: i.reads, Sink: i,
		Clock: func() uint64 { return 1 }, Logger: slog.New(slog.NewTextHandler(i.log, nil)),
	}
}

// start runs a bridge to url and stops it with the test.
func start(t *testing.T, id, url string, change ...func(*Options)) *instance {
	t.Helper()
	i, o := newInstance(t, id)
	o.URL = url
	for _, f := range change {
		f(&o)
	}
	b, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	i.bridge, i.stats = b, b.Stats
	i.run(b.Run)
	return i
}

func (i *instance) run(run func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	stopped := false
	i.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		begun := time.Now()
		if err := receive(i.t, ended, "Run to return"); err != nil {
			i.t.Errorf("Run: %v", err)
		}
		if took := time.Since(begun); took > 2*time.Second {
			i.t.Errorf("Run took %v to return", took)
		}
	}
	i.t.Cleanup(i.stop)
}

func receive[T any](t *testing.T, from <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		t.Fatalf("waited %v for %s", patience, what)
		panic("not reached")
	}
}

// linked waits until the session works.
func (i *instance) linked() {
	i.t.Helper()
	select {
	case got := <-i.generations:
		if got != partition.All {
			i.t.Errorf("%s: generation of partitions %x, want all", i.id, got)
		}
	case <-time.After(patience):
		i.t.Fatalf("%s: no generation after %v: %s", i.id, patience, i.why())
	}
}

// why is the reason why the session does not work.
func (i *instance) why() string {
	return i.bridge.Status().Shards[0].Reason
}

// until waits until the stats are as wanted.
func (i *instance) until(what string, wanted func(Stats) bool) {
	i.t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(patience); !wanted(i.stats()); <-ticker.C {
		if time.Now().After(deadline) {
			i.t.Fatalf("%s: waited %v until %s: %+v", i.id, patience, what, i.stats())
		}
	}
}

func (i *instance) publish(events ...hub.BroadcastEvent) {
	i.t.Helper()
	select {
	case i.outbox <- events:
	case <-time.After(patience):
		i.t.Fatalf("%s: the outbox was not taken", i.id)
	}
}

// hears waits for the next event of another instance.
func (i *instance) hears() hub.BroadcastEvent {
	i.t.Helper()
	return receive(i.t, i.remote, i.id+": an event of another instance")
}

// hearsNothingBut checks that the next event heard is e: nothing came before it.
func (i *instance) hearsNothingBut(e hub.BroadcastEvent) {
	i.t.Helper()
	if got := i.hears(); got.Payload != e.Payload || got.Room != e.Room {
		i.t.Errorf("%s heard %s %s, want %s %s", i.id, got.Room, got.Payload, e.Room, e.Payload)
	}
}

func (i *instance) read(rooms ...string) answer {
	i.t.Helper()
	select {
	case i.reads <- rooms:
	case <-time.After(patience):
		i.t.Fatalf("%s: a read was not taken", i.id)
	}
	return receive(i.t, i.answers, i.id+": an answer to a read")
}

// logged waits for a log line with the text.
func (i *instance) logged(text string) string {
	i.t.Helper()
	for {
		if line := receive(i.t, i.log.lines, i.id+": a log line with "+text); strings.Contains(line, text) {
			return line
		}
	}
}

// loggedSoFar is all that was logged and not read yet.
func (i *instance) loggedSoFar() (text string) {
	for len(i.log.lines) > 0 {
		text += <-i.log.lines
	}
	return text
}

// logBook passes log lines on.
type logBook struct{ lines chan string }

func (b *logBook) Write(p []byte) (int, error) {
	select {
	case b.lines <- string(p):
		return len(p), nil
	default:
		return 0, fmt.Errorf("more than %d log lines", cap(b.lines))
	}
}

// tick is a live value of a room, born now.
func tick(id, room string, clock uint64, price int) hub.BroadcastEvent {
	return hub.BroadcastEvent{
		Room: room, Type: "price", Kind: hub.State, Payload: fmt.Sprintf(`{"price":%d}`, price),
		Version: hub.Version{Clock: clock, Instance: id}, Born: moment.Now().Steady, Seq: clock,
	}
}

func chat(room, text string) hub.BroadcastEvent {
	return hub.BroadcastEvent{Room: room, Type: "message", Kind: hub.Message, Payload: fmt.Sprintf(`{"text":%q}`, text), Born: moment.Now().Steady, Seq: 1}
}

func recovered(e hub.BroadcastEvent) hub.BroadcastEvent {
	e.Kind = hub.Recovered
	return e
}
