package server_test

import (
	"flag"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"backbone/client"
	"backbone/internal/config"
	"backbone/internal/redistest"
)

var produce = flag.Duration("produce", 3*time.Second, "how long two producers publish into one instrument")

// follower is a consumer that knows the last price it heard.
type follower struct {
	last  atomic.Pointer[string]
	heard atomic.Int64
}

func follow(t *testing.T, c *client.Conn) *follower {
	t.Helper()
	f := new(follower)
	var ended sync.WaitGroup
	ended.Go(func() {
		for e := range c.Events() {
			if p, ok := e.(client.PriceUpdate); ok {
				price := p.Price.String()
				f.last.Store(&price)
				f.heard.Add(1)
			}
		}
	})
	t.Cleanup(ended.Wait)
	t.Cleanup(func() { c.Close() })
	return f
}

func (f *follower) price() string {
	if p := f.last.Load(); p != nil {
		return *p
	}
	return ""
}

// Two producers of one instrument, one on each instance, 2,000 events a second each,
// and Redis restarted empty between: everyone ends on one event, also who comes later.
func TestTwoProducersOfOneInstrumentEndOnOnePrice(t *testing.T) {
	redis := redistest.Start(t)
	a, b := pair(t, redis.URL())
	var all []*follower
	for range 3 {
		all = append(all, follow(t, a.consume("BTC_USDT")), follow(t, b.consume("BTC_USDT")))
	}
	const burst, every = 20, 10 * time.Millisecond
	rounds := int(*produce / every)
	restart := make(chan struct{})
	var producing sync.WaitGroup
	for n, in := range []*instance{a, b} {
		p := in.ingestor()
		producing.Go(func() {
			tick := time.NewTicker(every)
			defer tick.Stop()
			for round := range rounds {
				if n == 0 && round == rounds/2 {
					close(restart)
				}
				for i := range burst {
					if err := p.Publish(t.Context(), price("BTC_USDT", 2*(round*burst+i)+n)); err != nil {
						t.Error(err)
						return
					}
				}
				<-tick.C
			}
			if err := p.Flush(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	<-restart
	redis.Restart()
	producing.Wait()
	a.bridgeState("ok")
	b.bridgeState("ok")
	ends := []string{fmt.Sprint(2*rounds*burst - 2), fmt.Sprint(2*rounds*burst - 1)}
	a.eventually("all consumers end on the last event of one producer", func() bool {
		got := all[0].price()
		for _, f := range all {
			if f.price() != got {
				return false
			}
		}
		return got == ends[0] || got == ends[1]
	})
	late := []*follower{follow(t, a.consume("BTC_USDT")), follow(t, b.consume("BTC_USDT"))}
	a.eventually("who joins after starts there", func() bool {
		return late[0].price() == all[0].price() && late[1].price() == all[0].price()
	})
	t.Logf("all end on %s of %v; consumers heard %d and %d of %d events", all[0].price(), ends, all[0].heard.Load(), all[1].heard.Load(), 2*rounds*burst)
}

// The link of one instance alone fails, for longer than a price lives: no Redis holds
// what was missed then, only the other instance knows.
func TestTheNewestPriceArrivesWhenOneLinkWasLost(t *testing.T) {
	const ttl = 2 * time.Second
	for name, fault := range map[string]struct{ begin, end func(*redistest.Proxy) }{
		"cut":       {(*redistest.Proxy).Cut, (*redistest.Proxy).Mend},
		"half-open": {(*redistest.Proxy).HalfOpen, (*redistest.Proxy).Whole},
	} {
		for length, wait := range map[string]time.Duration{"short": 0, "longer than a price lives": ttl} {
			t.Run(name+", "+length, func(t *testing.T) {
				redis := redistest.Start(t)
				proxy := redistest.NewProxy(t, redis)
				brief := func(c *config.Serve) { c.LastPriceTTL = ttl }
				a, b := start(t, withRedis(proxy.URL()), brief), start(t, withRedis(redis.URL()), brief)
				a.bridgeState("ok")
				b.bridgeState("ok")
				onA, onB := a.consume("FROM_A", "FROM_B"), b.consume("FROM_A", "FROM_B")
				toA, toB := a.ingestor(), b.ingestor()
				publish(t, toA, "FROM_A", 1, 10)
				listen(t, onB, func(g tally) bool { return g.last == 10 })

				fault.begin(proxy)
				publish(t, toA, "FROM_A", 11, 20)
				publish(t, toB, "FROM_B", 21, 30)
				a.bridgeState("degraded")
				b.bridgeState("ok")
				<-time.After(wait)
				fault.end(proxy)
				begun := time.Now()
				listen(t, onA, func(g tally) bool { return g.last == 30 })
				listen(t, onB, func(g tally) bool { return g.last >= 20 })
				healed := time.Since(begun)
				t.Logf("healed %v after the link", healed)
				if healed > healing {
					t.Errorf("healed %v after the link, want 5 s", healed)
				}
				a.bridgeState("ok")
			})
		}
	}
}

// A clock that is an hour ahead is shown to an instance by a heartbeat, as another
// instance would. What it stamps from then on is an hour ahead; whoever takes over its
// producer must be heard by those that have such a price.
func TestAProducerThatLeavesAClockAnHourAheadIsHeardAtOnce(t *testing.T) {
	const ttl = time.Second
	redis := redistest.Start(t)
	brief := func(c *config.Serve) { c.LastPriceTTL = ttl }
	a, b := pair(t, redis.URL(), brief)
	ahead := uint64(time.Now().Add(time.Hour).UnixMilli()) << 16
	follows := func(in *instance) {
		t.Helper()
		in.eventually("its clock follows", func() bool { return in.Ingest().Clock() >= ahead })
	}
	redis.CLI("PUBLISH", "backbone:heartbeat", fmt.Sprintf(`{"v":1,"origin":"ahead","session":1,"clock":"%016x"}`, ahead))
	follows(a)

	c := a.consume("BTC_USDT")
	there := b.consume("BTC_USDT")
	publish(t, a.ingestor(), "BTC_USDT", 1, 10)
	listen(t, c, func(g tally) bool { return g.last == 10 })
	listen(t, there, func(g tally) bool { return g.last == 10 })
	publish(t, b.ingestor(), "BTC_USDT", 11, 11) // b has heard the price
	listen(t, c, func(g tally) bool { return g.live == 1 && g.last == 11 })

	// One that never heard it, and no longer finds it in Redis, learns from heartbeats.
	<-time.After(ttl)
	fresh := start(t, withRedis(redis.URL()), brief)
	fresh.bridgeState("ok")
	follows(fresh)
	publish(t, fresh.ingestor(), "BTC_USDT", 12, 12)
	for _, c := range []*client.Conn{c, there} {
		listen(t, c, func(g tally) bool { return g.last == 12 })
	}
}
