package bridge

import (
	"context"
	"strings"
	"testing"
	"time"

	"backbone/internal/bridge/wire"
	"backbone/internal/hub"
	"backbone/internal/partition"
	"backbone/internal/redistest"
)

// A round trip of the publisher takes 600 ms here: whatever happens in two of them is
// seen to be apart.
const slowWay = 300 * time.Millisecond

// Who hears of a value can read it, and who can read it has heard of it: a value that
// is stored and not published would be offered again in vain, since Redis has it.
func TestAValueIsStoredAndPublishedInOneStep(t *testing.T) {
	noLeak(t)
	s := redistest.Start(t)
	p := redistest.NewProxy(t, s)
	a, b := start(t, "A", p.URL()), start(t, "B", s.URL())
	a.linked()
	b.linked()
	p.Delay(slowWay)

	heard := tick("A", "BTC_USDT", 2, 2)
	a.publish(heard)
	b.hearsNothingBut(heard)
	if got := b.read("BTC_USDT"); len(got.found) != 1 || got.found[0].Version != heard.Version {
		t.Errorf("B has heard %v and reads %+v", heard.Version, got)
	}

	stored := tick("A", "ETH_USDT", 3, 3)
	a.publish(stored)
	for begun := time.Now(); len(b.read("ETH_USDT").found) == 0; {
		if time.Since(begun) > patience {
			t.Fatal("the value is not stored")
		}
	}
	select {
	case e := <-b.remote:
		if e.Version != stored.Version {
			t.Errorf("B heard %+v, want %v", e, stored.Version)
		}
	case <-time.After(slowWay):
		t.Error("B can read a value that was not published with it")
	}
}

// gate is a Sink that holds what the bridge says until it is let through.
type gate struct {
	*instance
	begun, through chan struct{} // of generations
	remote         chan struct{} // lets one Remote through; nil: all pass
	held           chan struct{} // of Remotes that wait for that
}

func (g *gate) Generation(ctx context.Context, partitions partition.Set) {
	put(ctx, g.begun, struct{}{})
	select {
	case <-g.through:
		g.instance.Generation(ctx, partitions)
	case <-ctx.Done():
	}
}

func (g *gate) Remote(ctx context.Context, events []hub.BroadcastEvent) {
	if g.remote != nil {
		put(ctx, g.held, struct{}{})
		select {
		case <-g.remote:
		case <-ctx.Done():
		}
	}
	g.instance.Remote(ctx, events)
}

// What waits in the inbox since before a break is taken before the generation behind
// it: else ingest would not offer it again, and a Redis that lost it would not get it.
func TestAGenerationBeginsBehindWhatCameBefore(t *testing.T) {
	noLeak(t)
	s := redistest.Start(t)
	g := &gate{begun: make(chan struct{}), through: make(chan struct{}), remote: make(chan struct{}), held: make(chan struct{}, 10)}
	a := start(t, "A", s.URL(), func(o *Options) {
		g.instance = o.Sink.(*instance)
		o.Sink = g
	})
	b := start(t, "B", s.URL())
	receive(t, g.begun, "a generation")
	g.through <- struct{}{}
	a.linked()
	b.linked()
	for n := range 3 {
		b.publish(tick("B", "ROOM", uint64(n+1), n+1))
	}
	b.publish() // taken once they are published
	a.publish(chat("ROOM", "own"))
	receive(t, g.held, "the Sink to hold the first")
	for begun := time.Now(); a.stats().OwnEchoes == 0; a.read("ROOM") { // the others came before it
		if time.Since(begun) > patience {
			t.Fatal("no own echo came")
		}
	}
	s.Restart()
	a.logged("redis is back")
	select {
	case <-g.begun:
		t.Error("the generation begins before the Sink took what had come")
	case <-time.After(slowWay):
	}
	close(g.remote)
	receive(t, g.begun, "a generation")
	if n := len(a.remote); n != 3 {
		t.Errorf("the generation begins behind %d of 3 events", n)
	}
	g.through <- struct{}{}
	a.linked()
}

// What is published between a read and a subscription behind it would be missed.
func TestAGenerationBeginsWhenAllIsSubscribed(t *testing.T) {
	noLeak(t)
	s := redistest.Start(t)
	p := redistest.NewProxy(t, s)
	p.Delay(slowWay / 3)
	numsub := []string{"PUBSUB", "NUMSUB"}
	for n := range partition.Count {
		numsub = append(numsub, wire.Names{Prefix: DefaultPrefix}.Events(n))
	}
	numsub = append(numsub, wire.Names{Prefix: DefaultPrefix}.AllEvents())
	g := &gate{begun: make(chan struct{}), through: make(chan struct{})}
	a := start(t, "A", p.URL(), func(o *Options) {
		g.instance = o.Sink.(*instance)
		o.Sink = g
	})
	for round := range 2 {
		receive(t, g.begun, "a generation")
		subscribed := 0
		for i, field := range strings.Fields(s.CLI(numsub...)) { // a channel, its subscribers, and so on
			if i%2 == 1 && field == "1" {
				subscribed++
			}
		}
		if subscribed != partition.Count+1 {
			t.Errorf("generation %d begins with %d channels subscribed, want those of all %d partitions and the common one", round+1, subscribed, partition.Count)
		}
		g.through <- struct{}{}
		a.linked()
		if got := a.read("ROOM"); got.err != nil {
			t.Errorf("generation %d: a read failed: %v", round+1, got.err)
		}
		if round == 0 {
			p.Cut()
			a.logged("redis is lost")
			p.Mend()
		}
	}
}
