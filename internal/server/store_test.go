package server_test

import (
	"testing"
	"time"

	"backbone/internal/config"
	"backbone/internal/redistest"
)

// Redis publishes and stores nothing for a while. An instance that starts meanwhile has
// an older price from Redis and heard nothing of the newer one. Once Redis stores again
// the newer one must come by itself, also if only a third instance still knows it.
func TestWhatRedisCouldNotStoreArrivesOnceItCan(t *testing.T) {
	redis := redistest.Start(t)
	long := func(c *config.Serve) { c.LastPriceTTL = 10 * time.Minute }
	a := start(t, withRedis(redis.URL()), long)
	b, log := startLogged(t, withRedis(redis.URL()), long)
	a.bridgeState("ok")
	b.bridgeState("ok")
	heard := b.consume("BTC_USDT")
	p := a.ingestor()
	publish(t, p, "BTC_USDT", 1, 1)
	a.eventually("the first price is stored", func() bool { return redis.CLI("DBSIZE") == "1" })
	redis.CLI("CONFIG", "SET", "maxmemory", "1")
	publish(t, p, "BTC_USDT", 2, 2)
	listen(t, heard, func(g tally) bool { return g.last == 2 })
	if err := a.Stop(); err != nil {
		t.Fatal(err)
	}

	c := start(t, withRedis(redis.URL()), long)
	c.bridgeState("ok")
	late := c.consume("BTC_USDT")
	if got := listen(t, late, func(g tally) bool { return g.last > 0 }); got.last != 1 {
		t.Errorf("a joiner got %+v, want what Redis holds", got)
	}
	log.has("does not store last prices")
	redis.CLI("CONFIG", "SET", "maxmemory", "0")
	listen(t, late, func(g tally) bool { return g.last == 2 && g.snapshots == 1 })
}

// Nobody is told of FLUSHALL. Whoever finds nothing asks those who may know.
func TestAnEmptiedRedisIsFilledAgain(t *testing.T) {
	redis := redistest.Start(t)
	a := start(t, withRedis(redis.URL()))
	a.bridgeState("ok")
	publish(t, a.ingestor(), "BTC_USDT", 1, 7)
	a.eventually("the price is stored", func() bool { return redis.CLI("DBSIZE") == "1" })
	redis.CLI("FLUSHALL")
	b := start(t, withRedis(redis.URL()))
	b.bridgeState("ok")
	got := listen(t, b.consume("BTC_USDT"), func(g tally) bool { return g.last == 7 })
	if got.snapshots != 1 || got.live != 0 {
		t.Errorf("got %+v, want one snapshot", got)
	}
	b.eventually("the price is stored again", func() bool { return redis.CLI("DBSIZE") == "1" })
}

// A price that waited for Redis for longer than it lives is no news on other instances.
func TestOldPricesAreNoTicks(t *testing.T) {
	const ttl = time.Second
	redis := redistest.Start(t)
	proxy := redistest.NewProxy(t, redis)
	short := func(c *config.Serve) { c.LastPriceTTL = ttl }
	a, b := start(t, withRedis(proxy.URL()), lossless, short), start(t, withRedis(redis.URL()), lossless, short)
	a.bridgeState("ok")
	b.bridgeState("ok")
	there := b.consume("BTC_USDT")
	p := a.ingestor()
	publish(t, p, "BTC_USDT", 1, 1)
	listen(t, there, func(g tally) bool { return g.last == 1 })
	proxy.Cut()
	a.bridgeState("degraded")
	publish(t, p, "BTC_USDT", 2, 100)
	<-time.After(ttl)
	proxy.Mend()
	got := listen(t, there, func(g tally) bool { return g.last == 100 })
	if got.live != 0 || got.snapshots == 0 {
		t.Errorf("got %+v, want the newest as a snapshot", got)
	}
	publish(t, p, "BTC_USDT", 101, 101)
	if next := listen(t, there, func(g tally) bool { return g.live == 1 }); got.skipped+next.skipped != 99 {
		t.Errorf("%d and %d skipped, want 99", got.skipped, next.skipped)
	}
}
