package server_test

import (
	"encoding/json"
	"testing"

	"backbone/client"
	"backbone/internal/redistest"
)

// The data of a price arrives as the text that was sent: live, across Redis, as a snapshot,
// and from Redis alone.
func TestDataOfAPriceArrivesEverywhere(t *testing.T) {
	redis := redistest.Start(t)
	a, b := pair(t, redis.URL())
	want := client.PriceUpdate{
		Instrument: "BTC_USDT", Price: "60214.30", TS: 7,
		Data: json.RawMessage(`{ "size":0.250, "side":"b\u0075y", "levels":[[1.0,2],{}], "a":1, "a":2 }`),
	}
	live := []*client.Conn{a.consume("BTC_USDT"), b.consume("BTC_USDT")}
	if err := a.ingestor().PublishAck(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	check := func(name string, c *client.Conn, snapshot bool) {
		t.Helper()
		for e := range c.Events() {
			got, ok := e.(client.PriceUpdate)
			if !ok {
				continue
			}
			if string(got.Data) != string(want.Data) || got.Price != want.Price || got.TS != want.TS || got.Snapshot != snapshot {
				t.Errorf("%s: %+v", name, got)
			}
			return
		}
	}
	for _, c := range live {
		check("live", c, false)
	}
	check("snapshot", a.consume("BTC_USDT"), true)
	check("snapshot across Redis", b.consume("BTC_USDT"), true)
	for _, in := range []*instance{a, b} {
		if err := in.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	later := start(t, withRedis(redis.URL()))
	later.bridgeState("ok")
	check("snapshot from Redis", later.consume("BTC_USDT"), true)
}
