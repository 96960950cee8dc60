package server_test

import (
	"testing"

	"backbone/client"
	"backbone/internal/config"
)

// upstreamOf is the change of the configuration that makes an edge.
func upstreamOf(urls ...string) func(*config.Serve) {
	return func(c *config.Serve) { c.Upstream = urls }
}

// edge starts an edge and waits until it is connected.
func edge(t testing.TB, upstream *instance, change ...func(*config.Serve)) *instance {
	t.Helper()
	e := start(t, append(change, upstreamOf(upstream.URL()))...)
	e.bridgeState("ok")
	return e
}

// same joins a room with stamps and returns the next price as it is told on the wire.
func TestAnEdgePassesOn(t *testing.T) {
	up := start(t, lossless)
	e := edge(t, up, lossless)
	p := up.ingestor()
	publish(t, p, "BTC_USDT", 1, 1)
	c := e.consume("BTC_USDT")
	if got := listen(t, c, func(g tally) bool { return g.last == 1 }); got.snapshots != 1 || got.live != 0 {
		t.Fatalf("at the join: %+v", got)
	}
	publish(t, p, "BTC_USDT", 2, 1000)
	if got := listen(t, c, func(g tally) bool { return g.last == 1000 }); got.live != 999 || got.skipped != 0 {
		t.Fatalf("live: %+v", got)
	}
	_ = client.Connected{}
}
