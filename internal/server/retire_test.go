package server_test

import (
	"testing"
	"time"

	"backbone/client"
	"backbone/internal/redistest"
)

// told waits for the next event of a type that says something of a room.
func told(t *testing.T, c *client.Conn) client.Event {
	t.Helper()
	for {
		select {
		case ev, ok := <-c.Events():
			switch ev.(type) {
			case client.PriceUpdate, client.Retired, client.NoSnapshot:
				return ev
			}
			if !ok {
				t.Fatal(c.Err())
			}
		case <-time.After(patience):
			t.Fatal("nothing came")
		}
	}
}

// joiner joins a room that may have no price.
func (in *instance) joiner(room string) *client.Conn {
	in.t.Helper()
	c, err := client.Dial(in.t.Context(), in.URL(), nil)
	if err != nil {
		in.t.Fatal(err)
	}
	in.t.Cleanup(func() { c.Close() })
	if err := c.JoinWith(in.t.Context(), client.JoinOptions{MarkEmpty: true, Stamp: true}, room); err != nil {
		in.t.Fatal(err)
	}
	return c
}

// What is retired at one instance is retired everywhere: for members, for who joins later, in Redis and
// at edges. A price that comes later brings it back.
func TestAnInstrumentIsRetiredEverywhere(t *testing.T) {
	redis := redistest.Start(t)
	a, b := start(t, withRedis(redis.URL())), start(t, withRedis(redis.URL()))
	a.bridgeState("ok")
	b.bridgeState("ok")
	e := edge(t, b.URL())
	publish(t, a.ingestor(), "OLD", 1, 1)
	var members []*client.Conn
	for _, in := range []*instance{a, b, e} {
		c := in.joiner("OLD")
		ev := told(t, c)
		if _, early := ev.(client.NoSnapshot); early { // the price is still under way between the instances
			ev = told(t, c)
		}
		if u, ok := ev.(client.PriceUpdate); !ok || u.Price != "1" {
			t.Fatalf("a joiner got %+v", ev)
		}
		members = append(members, c)
	}
	p := b.ingestor()
	if err := p.Retire(t.Context(), "OLD"); err != nil {
		t.Fatal(err)
	}
	for _, c := range members {
		if r, ok := told(t, c).(client.Retired); !ok || r.Instrument != "OLD" || r.Snapshot || r.Stamp == nil {
			t.Errorf("a member was told %+v", r)
		}
	}
	late := start(t, withRedis(redis.URL()))
	late.bridgeState("ok")
	for _, in := range []*instance{a, b, e, late} {
		if ev := told(t, in.joiner("OLD")); ev != (client.NoSnapshot{Room: "OLD"}) {
			t.Errorf("who joined later got %+v", ev)
		}
	}
	publish(t, p, "OLD", 2, 2)
	for _, c := range members {
		if u, ok := told(t, c).(client.PriceUpdate); !ok || u.Price != "2" {
			t.Errorf("the price after it is %+v", u)
		}
	}
}
