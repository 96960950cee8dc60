package ingest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"backbone/internal/hub"
)

const payload = `{"type":"price_update","instrument":"BTC_USDT","price":60214.3,"ts":1710000000}`

var rooms500 = roomNames(500)

func roomNames(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("COIN%d_USDT", i)
	}
	return names
}

func BenchmarkPublish(b *testing.B) {
	for _, size := range []int{1, 20} {
		for _, outbox := range []string{"off", "taken", "stuck"} {
			b.Run(fmt.Sprintf("batch=%d/outbox=%s", size, outbox), func(b *testing.B) {
				b.ReportAllocs()
				o := testOptions("me", outbox != "off")
				o.OutboxBytes = 16 << 20
				c := newCore(o, epoch)
				c.watch(rooms500[:250], hub.Wants{}, epoch)
				p, events, at := &producer{name: "p"}, make([]hub.BroadcastEvent, size), 0
				for b.Loop() {
					for i := range events {
						events[i] = hub.BroadcastEvent{Room: rooms500[at%500], Payload: payload}
						at++
					}
					c.publish(p, events, epoch)
					if outbox == "taken" && c.out.Len() >= 500 {
						c.out.Taken()
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(at), "ns/event")
			})
		}
	}
}

func BenchmarkRemote(b *testing.B) {
	b.ReportAllocs()
	c := newCore(testOptions("me", true), epoch)
	c.watch(rooms500[:250], hub.Wants{}, epoch)
	batch := make([]hub.BroadcastEvent, 20)
	at := uint64(0)
	for b.Loop() {
		for i := range batch {
			batch[i] = hub.BroadcastEvent{
				Room: rooms500[at%500], Payload: payload, Born: epoch.Steady, Seq: 1 + at/500,
				Version: hub.Version{Clock: wall(epoch) + at, Instance: "other"},
			}
			at++
		}
		c.remote(batch, epoch)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(at), "ns/event")
}

func BenchmarkWatch(b *testing.B) {
	b.ReportAllocs()
	c := newCore(testOptions("me", true), epoch)
	c.beginGeneration(everyone)
	for _, room := range rooms500 {
		c.publish(&producer{name: "p"}, []hub.BroadcastEvent{{Room: room, Payload: payload}}, epoch)
	}
	c.watch(rooms500, hub.Wants{}, epoch)
	c.lastPrices(rooms500, nil, false, epoch)
	for b.Loop() {
		c.watch(rooms500[:1], hub.Wants{}, epoch)
		c.unwatch(rooms500[:1], nil)
	}
}

// BenchmarkLinkedAnew is what coming back of Redis costs 100,000 instruments, a tenth
// of them with members; longest-us is the longest time for which all else waits.
func BenchmarkLinkedAnew(b *testing.B) {
	o := testOptions("me", true)
	o.OutboxBytes, o.MaxInstruments = 16<<20, 100_000
	c := newCore(o, epoch)
	rooms := roomNames(100_000)
	for _, room := range rooms {
		c.publish(&producer{name: "p"}, []hub.BroadcastEvent{{Room: room, Payload: payload}}, epoch)
	}
	c.watch(rooms[:10_000], hub.Wants{}, epoch)
	c.out.Taken()
	var steps []time.Duration
	for b.Loop() {
		c.beginGeneration(everyone)
		for c.due != 0 {
			start := time.Now()
			c.tasks(epoch)
			steps = append(steps, time.Since(start))
			if c.full() {
				c.out.Taken()
			}
		}
		c.toRead, c.reads = nil, map[string]*pendingRead{}
	}
	reportSteps(b, steps)
}

func reportSteps(b *testing.B, steps []time.Duration) {
	slices.Sort(steps)
	b.ReportMetric(float64(steps[len(steps)/2].Microseconds()), "p50-us")
	b.ReportMetric(float64(steps[len(steps)*99/100].Microseconds()), "p99-us")
	b.ReportMetric(float64(steps[len(steps)-1].Microseconds()), "longest-us")
}

// BenchmarkForget is what forgetting 100,000 rooms costs; longest-us is the longest time for which
// all else waits.
func BenchmarkForget(b *testing.B) {
	for _, producers := range []int{1, 100_000} {
		b.Run(fmt.Sprintf("producers=%d", producers), func(b *testing.B) {
			o := testOptions("me", false)
			o.MaxInstruments = 100_000
			rooms := roomNames(100_000)
			var steps []time.Duration
			for b.Loop() {
				c, now := newCore(o, epoch), epoch
				for i, room := range rooms {
					c.publish(&producer{name: fmt.Sprint(i % producers)}, []hub.BroadcastEvent{{Room: room, Payload: payload}}, now)
				}
				for period := range 2 { // nothing is forgotten in the first one
					now = now.Add(versionLife * testTTL)
					c.rotate(now)
					for c.next() <= now.Steady {
						start := time.Now()
						c.tasks(now)
						if period > 0 {
							steps = append(steps, time.Since(start))
						}
					}
				}
				if c.table.known > 0 {
					b.Fatalf("%d are known still", c.table.known)
				}
			}
			reportSteps(b, steps)
		})
	}
}
