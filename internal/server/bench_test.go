package server_test

import (
	"slices"
	"testing"
	"time"

	"backbone/client"
	"backbone/internal/redistest"
)

// BenchmarkLatencyWithRedisFrozen compares how long a price takes from producer to
// consumer of one instance, without a Redis and with one that hangs. Both in one run,
// by turns, since machines differ from one minute to the next.
func BenchmarkLatencyWithRedisFrozen(b *testing.B) {
	redis := redistest.Start(b)
	alone, linked := startBench(b, ""), startBench(b, redis.URL())
	linked.in.bridgeState("ok")
	redis.Freeze()
	linked.in.bridgeState("degraded")
	var without, frozen []time.Duration
	alone.run(b) // warm up
	linked.run(b)
	b.ResetTimer()
	for b.Loop() {
		for range 5 {
			without = append(without, alone.run(b)...)
			frozen = append(frozen, linked.run(b)...)
		}
	}
	p99 := func(all []time.Duration) float64 {
		slices.Sort(all)
		return float64(all[len(all)*99/100].Nanoseconds()) / 1000
	}
	b.ReportMetric(p99(without), "p99-without-us")
	b.ReportMetric(p99(frozen), "p99-frozen-us")
	b.ReportMetric(p99(frozen)/p99(without), "ratio")
	b.ReportMetric(0, "ns/op") // the time of a run is fixed
}

// benched is an instance with a producer and a consumer of one room.
type benched struct {
	in       *instance
	producer *client.Ingestor
	consumer *client.Conn
}

func startBench(b *testing.B, redis string) *benched {
	in := start(b, withRedis(redis))
	return &benched{in, in.ingestor(), in.consume("BTC_USDT")}
}

// run publishes bursts for a while, and returns how long each price took.
func (x *benched) run(b *testing.B) []time.Duration {
	const bursts, size, every = 250, 10, 2 * time.Millisecond
	begun := time.Now()
	published := make(chan struct{})
	go func() {
		defer close(published)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for range bursts {
			for range size {
				u := client.PriceUpdate{Instrument: "BTC_USDT", Price: "60214.30", TS: time.Since(begun).Nanoseconds()}
				if err := x.producer.Publish(b.Context(), u); err != nil {
					b.Error(err)
					return
				}
			}
			if err := x.producer.Flush(b.Context()); err != nil {
				b.Error(err)
				return
			}
			<-tick.C
		}
	}()
	took := make([]time.Duration, 0, bursts*size)
	late := time.After(patience)
	for len(took) < bursts*size {
		select {
		case e := <-x.consumer.Events():
			switch e := e.(type) {
			case client.PriceUpdate:
				took = append(took, time.Since(begun)-time.Duration(e.TS))
			case client.Conflated, client.Disconnected:
				b.Fatalf("the consumer got %+v", e)
			}
		case <-late:
			b.Fatalf("%d of %d prices arrived", len(took), bursts*size)
		}
	}
	<-published // the last price may come before the answer to the last Flush
	return took
}
