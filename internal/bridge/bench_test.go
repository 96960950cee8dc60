package bridge

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"backbone/internal/hub"
	"backbone/internal/partition"
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

// BenchmarkBridge sends batches of 1,000 prices of 500 instruments from one instance to
// another, through a Redis on this machine.
func BenchmarkBridge(b *testing.B) {
	s := redistest.Start(b)
	outbox := make(chan []hub.BroadcastEvent)
	var sinks []counting
	for _, id := range []string{"A", "B"} {
		sink := counting{make(chan struct{}, 10), make(chan int, 1<<16)}
		o := Options{URL: s.URL(), Instance: id, Types: []string{"price"}, TTL: 30 * time.Second, Sink: sink,
			Clock: func() uint64 { return 1 }, Logger: slog.New(slog.DiscardHandler), InboxBytes: 1 << 30}
		if id == "A" {
			o.Outbox = outbox
		}
		bridge, err := New(o)
		if err != nil {
			b.Fatal(err)
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
		sinks = append(sinks, sink)
	}
	pad := strings.Repeat("x", 60)
	var clock uint64
	sent, got := 0, 0
	b.ReportAllocs()
	for b.Loop() {
		batch := make([]hub.BroadcastEvent, 1000)
		for i := range batch {
			clock++
			batch[i] = tick("A", fmt.Sprintf("INSTRUMENT_%d", clock%500), clock, int(clock))
			batch[i].Payload = batch[i].Payload[:len(batch[i].Payload)-1] + `,"pad":"` + pad + `"}`
		}
		outbox <- batch
		sent += len(batch)
	}
	for got < sent {
		got += <-sinks[1].heard
	}
	b.ReportMetric(float64(got)/b.Elapsed().Seconds(), "events/s")
}
