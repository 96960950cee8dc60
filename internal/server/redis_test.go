package server_test

import (
	"testing"
	"time"

	"backbone/internal/config"
	"backbone/internal/redistest"
)

func withRedis(url string) func(*config.Serve) {
	return func(c *config.Serve) { c.RedisURL = url }
}

// pair starts two instances that Redis joins.
func pair(t *testing.T, redis string, change ...func(*config.Serve)) (a, b *instance) {
	t.Helper()
	change = append(change, withRedis(redis))
	a, b = start(t, change...), start(t, change...)
	a.bridgeState("ok")
	b.bridgeState("ok")
	return a, b
}

func TestEventsCrossInstancesOnceAndInOrder(t *testing.T) {
	const n = 10_000
	a, b := pair(t, redistest.Start(t).URL())
	here, there := a.consume("BTC_USDT"), b.consume("BTC_USDT")
	publish(t, a.ingestor(), "BTC_USDT", 1, n)
	all := func(g tally) bool { return g.live+g.skipped == n }
	for name, got := range map[string]tally{"on A": listen(t, here, all), "on B": listen(t, there, all)} {
		if got.last != n || got.snapshots > 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
	// An own echo would be a price that is not newer, which listen does not accept.
	publish(t, a.ingestor(), "BTC_USDT", n+1, n+1)
	listen(t, here, func(g tally) bool { return g.last == n+1 })
	listen(t, there, func(g tally) bool { return g.last == n+1 })
}

func TestNewConsumersStartWarmOnEveryInstance(t *testing.T) {
	const ttl = 2 * time.Second
	a, b := pair(t, redistest.Start(t).URL(), func(c *config.Serve) { c.LastPriceTTL = ttl })
	there := b.consume("BTC_USDT")
	publish(t, a.ingestor(), "BTC_USDT", 1, 3)
	listen(t, there, func(g tally) bool { return g.last == 3 }) // or else who joins b might hear it live
	for _, in := range []*instance{a, b} {
		warm := in.consume("BTC_USDT")
		got := listen(t, warm, func(g tally) bool { return g.last == 3 })
		if got.snapshots != 1 || got.live != 0 {
			t.Errorf("a joiner got %+v, want one snapshot", got)
		}
	}
	<-time.After(ttl) // both have had the price since before now
	for _, in := range []*instance{a, b} {
		late := in.consume("BTC_USDT")
		if _, err := late.Ping(t.Context()); err != nil { // what a join brings comes before
			t.Fatal(err)
		}
		publish(t, a.ingestor(), "ETH_USDT", 1, 1)
		for len(late.Events()) > 0 {
			var g tally
			g.take(t, <-late.Events())
			if g.snapshots > 0 {
				t.Error("a snapshot came after the TTL")
			}
		}
	}
}

func TestAnInstanceStartsWarmFromRedis(t *testing.T) {
	redis := redistest.Start(t)
	a := start(t, withRedis(redis.URL()))
	a.bridgeState("ok")
	publish(t, a.ingestor(), "BTC_USDT", 1, 7)
	if err := a.Stop(); err != nil { // a stop sends what waits
		t.Fatal(err)
	}
	b := start(t, withRedis(redis.URL()))
	b.bridgeState("ok")
	got := listen(t, b.consume("BTC_USDT"), func(g tally) bool { return g.last == 7 })
	if got.snapshots != 1 {
		t.Errorf("got %+v, want one snapshot", got)
	}
}

// late has values stored long after they were published.
func late(c *config.Serve) { c.RedisStoreInterval = c.LastPriceTTL / 2 }

func TestAStopStoresWhatWasToBeStoredLater(t *testing.T) {
	redis := redistest.Start(t)
	a := start(t, withRedis(redis.URL()), late)
	a.bridgeState("ok")
	publish(t, a.ingestor(), "BTC_USDT", 1, 7)
	if err := a.Stop(); err != nil {
		t.Fatal(err)
	}
	b := start(t, withRedis(redis.URL()), late)
	b.bridgeState("ok")
	if got := listen(t, b.consume("BTC_USDT"), func(g tally) bool { return g.last == 7 }); got.snapshots != 1 {
		t.Errorf("got %+v, want one snapshot", got)
	}
}

// Redis has an older price, or none, of what another instance knows.
func TestAColdInstanceAsksForWhatIsNotStoredYet(t *testing.T) {
	redis := redistest.Start(t)
	first := start(t, withRedis(redis.URL()), late)
	first.bridgeState("ok")
	publish(t, first.ingestor(), "BTC_USDT", 1, 1)
	if err := first.Stop(); err != nil {
		t.Fatal(err)
	}
	a := start(t, withRedis(redis.URL()), late)
	a.bridgeState("ok")
	publish(t, a.ingestor(), "BTC_USDT", 2, 9)
	publish(t, a.ingestor(), "ETH_USDT", 1, 9)
	a.eventually("all is published", func() bool { return a.Bridge().Stats().Published == 8+9 }) // or else b might hear it live
	b := start(t, withRedis(redis.URL()), late)
	b.bridgeState("ok")
	for _, room := range []string{"BTC_USDT", "ETH_USDT"} {
		if got := listen(t, b.consume(room), func(g tally) bool { return g.last == 9 }); got.live != 0 {
			t.Errorf("%s: got %+v, want no live price", room, got)
		}
	}
}

// Each fault begins while prices flow and ends without a further one: the newest price
// must reach the other instance by itself, and local consumers must notice nothing.
func TestLocalRoutingSurvivesRedisAndTheNewestPriceArrives(t *testing.T) {
	faults := map[string]struct{ begin, end func(*redistest.Server) }{
		"killed, back empty": {(*redistest.Server).Kill, (*redistest.Server).Restart},
		"frozen":             {(*redistest.Server).Freeze, (*redistest.Server).Thaw},
		"restarted empty":    {(*redistest.Server).Restart, func(*redistest.Server) {}},
	}
	for name, fault := range faults {
		for storing, how := range map[string]func(*config.Serve){"at once": func(*config.Serve) {}, "later": late} {
			t.Run(name+", stored "+storing, func(t *testing.T) {
				redis := redistest.Start(t)
				a, b := pair(t, redis.URL(), lossless, how)
				here, there := a.consume("BTC_USDT"), b.consume("BTC_USDT")
				p := a.ingestor()
				publish(t, p, "BTC_USDT", 1, 100)
				listen(t, there, func(g tally) bool { return g.last == 100 })

				fault.begin(redis)
				publish(t, p, "BTC_USDT", 101, 1100)
				got := listen(t, here, func(g tally) bool { return g.live+g.skipped == 1100 })
				if got.skipped > 0 || got.last != 1100 {
					t.Errorf("the local consumer got %+v, want 1100 prices", got)
				}
				if name == "frozen" {
					a.bridgeState("degraded")
				}
				fault.end(redis)
				listen(t, there, func(g tally) bool { return g.last == 1100 })
				a.bridgeState("ok")
			})
		}
	}
}

func TestAnInstanceStartsWithoutItsRedis(t *testing.T) {
	redis := redistest.Start(t)
	redis.Kill()
	a := start(t, withRedis(redis.URL()))
	a.bridgeState("connecting")
	c := a.consume("BTC_USDT")
	publish(t, a.ingestor(), "BTC_USDT", 1, 10)
	listen(t, c, func(g tally) bool { return g.live == 10 })

	redis.Restart()
	b := start(t, withRedis(redis.URL()))
	listen(t, b.consume("BTC_USDT"), func(g tally) bool { return g.last == 10 })
}
