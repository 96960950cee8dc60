package bridge

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"backbone/internal/hub"
	"backbone/internal/moment"
	"backbone/internal/partition"
	"backbone/internal/proctest"
	"backbone/internal/redistest"
)

// counting is a Sink that counts what comes from others.
type counting struct {
	linked chan struct{}
	heard  chan int
}

func (c counting) Remote(ctx context.Context, events []hub.BroadcastEvent) {
	put(ctx, c.heard, len(events))
}
func (c counting) Generation(ctx context.Context, _ partition.Set) { put(ctx, c.linked, struct{}{}) }
func (counting) LastPrices(context.Context, []string, []hub.BroadcastEvent, error) {
}
func (counting) Clock(context.Context, uint64)          {}
func (counting) State(context.Context, bool, time.Time) {}

// BenchmarkBridge sends bursts of prices of 90 bytes from one instance to another, through a
// Redis on this machine. The instruments take turns. The next burst follows as soon as the
// outbox takes it, while the other instance is not too far behind. events/cpu-s is the events
// for each second of processor time that both instances and Redis use together.
func BenchmarkBridge(b *testing.B) { benchmarkShapes(b, func(*Options) {}) }

// BenchmarkBridgeStoredLater is BenchmarkBridge with a store interval of 100 ms.
func BenchmarkBridgeStoredLater(b *testing.B) {
	benchmarkShapes(b, func(o *Options) { o.StoreInterval = 100 * time.Millisecond })
}

func benchmarkShapes(b *testing.B, change func(*Options)) {
	for _, shape := range []struct{ rooms, burst int }{{1, 1}, {20, 20}, {1, 200}, {500, 200}, {500, 1000}} {
		b.Run(fmt.Sprintf("rooms=%d/burst=%d", shape.rooms, shape.burst), func(b *testing.B) {
			benchmarkShape(b, shape.rooms, shape.burst, change)
		})
	}
}

func benchmarkShape(b *testing.B, rooms, burst int, change func(*Options)) {
	s := redistest.Start(b)
	outbox, to := benchInstances(b, s.URL(), change)
	events := make([]hub.BroadcastEvent, rooms) // the next one of each room
	for i := range events {
		events[i] = tick("A", fmt.Sprintf("INSTRUMENT_%d", i), 0, 10_000+i)
		events[i].Payload = fmt.Sprintf(`{"price":%d,"pad":"%s"}`, 10_000+i, strings.Repeat("x", 66))
		events[i].At = time.Now().UnixMilli()
	}
	outstanding := 20 * burst
	sent, got := 0, 0
	redis, own, begun := redisCPU(b, s), proctest.CPU(), time.Now()
	b.ReportAllocs()
	for b.Loop() {
		batch := make([]hub.BroadcastEvent, burst)
		now := moment.Now().Steady
		for i := range batch {
			e := &events[(sent+i)%rooms]
			e.Version.Clock, e.Seq, e.Born = uint64(sent+i+1), e.Seq+1, now
			batch[i] = *e
		}
		outbox <- batch
		for sent += burst; sent-got > outstanding; {
			got += <-to.heard
		}
	}
	for got < sent {
		got += <-to.heard
	}
	b.ReportMetric(float64(got)/time.Since(begun).Seconds(), "events/s")
	if own != 0 {
		used := redisCPU(b, s) - redis + proctest.CPU() - own
		b.ReportMetric(float64(got)/used.Seconds(), "events/cpu-s")
	}
}

// benchInstances runs two instances and returns the outbox of one and the Sink of the other, once
// the first writes the form that it settles on.
func benchInstances(b *testing.B, url string, change func(*Options)) (outbox chan<- []hub.BroadcastEvent, to counting) {
	from := make(chan []hub.BroadcastEvent)
	var first *Bridge
	for _, id := range []string{"A", "B"} {
		sink := counting{make(chan struct{}, 10), make(chan int, 1<<16)}
		o := Options{
			URL: url, Instance: id, Types: []string{"price"}, TTL: 30 * time.Second, Sink: sink,
			Clock: func() uint64 { return 1 }, Logger: slog.New(slog.DiscardHandler), InboxBytes: 1 << 30, Format: Format2,
		}
		if id == "A" {
			o.Outbox = from
		}
		change(&o)
		bridge, err := New(o)
		if err != nil {
			b.Fatal(err)
		}
		if id == "A" {
			first = bridge
		}
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- bridge.Run(ctx) }()
		b.Cleanup(func() {
			cancel()
			if err := <-ended; err != nil {
				b.Error(err)
			}
		})
		<-sink.linked
		to = sink
	}
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for first.Stats().Form != 2 {
		<-ticker.C
	}
	return from, to
}

// redisCPU is the processor time that Redis has used.
func redisCPU(b *testing.B, s *redistest.Server) (used time.Duration) {
	b.Helper()
	for line := range strings.Lines(s.CLI("INFO", "cpu")) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		if name == "used_cpu_user" || name == "used_cpu_sys" {
			seconds, err := strconv.ParseFloat(value, 64)
			if err != nil {
				b.Fatal(err)
			}
			used += time.Duration(seconds * float64(time.Second))
		}
	}
	return used
}
