package server_test

import (
	"testing"
	"time"

	"backbone/client"
	"backbone/internal/config"
	"backbone/internal/redistest"
)

// While one of two instances drains, a consumer and a producer of the SDK move to the other. No price is
// missing, none comes twice, and all stay in order.
func TestNothingIsMissedWhileAnInstanceDrains(t *testing.T) {
	for name, opt := range map[string]client.JoinOptions{"plain": {}, "with stamps": {Stamp: true}} {
		t.Run(name, func(t *testing.T) {
			const n = 3000
			url := redistest.Start(t).URL()
			a, b := pair(t, url, lossless, func(c *config.Serve) { c.DrainWindow = 2 * time.Second })
			servers := a.URL() + "," + b.URL()
			c, err := client.Dial(t.Context(), servers, &client.ConnOptions{Buffer: 1 << 14})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { c.Close() })
			rooms := []string{"BTC_USDT", "ETH_USDT", "SOL_USDT"}
			if err := c.JoinWith(t.Context(), opt, rooms...); err != nil {
				t.Fatal(err)
			}
			said := make(chan client.Event, 64)
			p, err := client.DialIngestor(t.Context(), servers, &client.IngestorOptions{OnEvent: func(ev client.Event) { said <- ev }})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { p.Close() })
			published := publishingAs(t, p, b.hearing(rooms...), 1, n, rooms...)
			last, heard, moved := map[string]int64{}, 0, 0
			stopped := make(chan error, 1)
			late := time.NewTimer(patience)
			defer late.Stop()
			for heard < n*len(rooms) {
				select {
				case ev := <-c.Events():
					late.Reset(patience)
					switch ev := ev.(type) {
					case client.PriceUpdate:
						if heard++; ev.TS != last[ev.Instrument]+1 || ev.Snapshot || (ev.Stamp != nil) != opt.Stamp {
							t.Fatalf("price %+v came after %d", ev, last[ev.Instrument])
						}
						last[ev.Instrument] = ev.TS
					case client.Connected:
					case client.Moved:
						moved++
					default:
						t.Fatalf("got %T %+v", ev, ev)
					}
					if heard == n/2 {
						go func() { stopped <- a.Stop() }()
					}
				case <-late.C:
					t.Fatalf("nothing came for %v, and before only %v", patience, last)
				}
			}
			if err := <-published; err != nil {
				t.Fatal(err)
			}
			if err := <-stopped; err != nil {
				t.Fatal(err)
			}
			if moved != 1 {
				t.Errorf("the consumer moved %d times", moved)
			}
			for range len(said) {
				switch ev := (<-said).(type) {
				case client.Connected, client.Moved:
				default:
					t.Errorf("the producer was told %T %+v", ev, ev)
				}
			}
		})
	}
}

// An edge whose upstream drains moves like any consumer: its own consumers miss nothing.
func TestAnEdgeMovesWhenItsUpstreamDrains(t *testing.T) {
	const n = 3000
	url := redistest.Start(t).URL()
	a, b := pair(t, url, lossless, func(c *config.Serve) { c.DrainWindow = 2 * time.Second })
	producer := start(t, withRedis(url))
	producer.bridgeState("ok")
	e := edge(t, a.URL()+","+b.URL(), lossless)
	c := e.consume("A")
	p := producer.ingestor()
	var first tally
	for i := 1; i <= 2; i++ { // what comes after the first is heard by the edge, too
		if err := p.Publish(t.Context(), price("A", i)); err != nil {
			t.Fatal(err)
		}
		first = listenFrom(t, c, first, func(g tally) bool { return g.last == i })
	}
	published := publishing(t, p, 3, n, "A")
	got := listenFrom(t, c, first, func(g tally) bool { return g.live >= n/2 })
	stopped := make(chan error, 1)
	go func() { stopped <- a.Stop() }()
	got = listenFrom(t, c, got, func(g tally) bool { return g.last == n })
	if want := (tally{live: first.live + n - 2, snapshots: first.snapshots, skipped: first.skipped, last: n}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for _, err := range []error{<-published, <-stopped} {
		if err != nil {
			t.Error(err)
		}
	}
}
