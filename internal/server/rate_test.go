package server_test

import (
	"testing"

	"backbone/client"
)

// Consumers of an instance and of its edge that ask for fewer prices end on the newest, and are told of all others.
func TestFewerPricesEndOnTheNewestEverywhere(t *testing.T) {
	const n, piece = 3000, 300
	core := start(t, lossless)
	e := edge(t, core.URL(), lossless)
	all := func(g tally) bool { return g.live+g.skipped == n }
	rated := func(in *instance) *client.Conn {
		c := in.consume()
		if err := c.JoinWith(t.Context(), client.JoinOptions{MaxRate: 20}, "BTC_USDT"); err != nil {
			t.Fatal(err)
		}
		return c
	}
	full, there := e.consume("BTC_USDT"), rated(e)
	core.eventually("the edge is in the room", core.joined) // with nobody else in it yet
	here := rated(core)
	p := core.ingestor()
	var got tally
	for until := piece; until <= n; until += piece { // the full one is never far behind, whoever gets the processor
		publish(t, p, "BTC_USDT", until-piece+1, until)
		got = listenFrom(t, full, got, func(g tally) bool { return g.live+g.skipped >= until })
	}
	if got.skipped > 0 || got.last != n {
		t.Errorf("the full one got %+v", got)
	}
	for name, c := range map[string]*client.Conn{"of the edge": there, "of the core": here} {
		if got := listen(t, c, all); got.last != n || got.live > n/10 || got.skipped == 0 {
			t.Errorf("the one %s got %+v", name, got)
		}
	}
}
