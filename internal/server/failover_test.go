package server_test

import (
	"fmt"
	"testing"
	"time"

	"backbone/client"
	"backbone/internal/partition"
	"backbone/internal/redistest"
)

// healing is much longer than what is promised, for machines that are busy.
const healing = 10 * time.Second

// failOver publishes to A while Redis has no master, and expects that B's consumers of
// each instrument come to the newest price without a further one.
func failOver(t *testing.T, a, b *instance, kill, failover func(), instruments ...string) {
	t.Helper()
	p := a.ingestor()
	var there []*client.Conn
	for _, instrument := range instruments {
		there = append(there, b.consume(instrument))
		publish(t, p, instrument, 1, 10)
		listen(t, there[len(there)-1], func(g tally) bool { return g.last == 10 })
	}
	kill()
	a.bridgeState("degraded")
	for _, instrument := range instruments {
		publish(t, p, instrument, 11, 20)
	}
	failover()
	begun := time.Now()
	for _, c := range there {
		listen(t, c, func(g tally) bool { return g.last == 20 })
	}
	healed := time.Since(begun)
	t.Logf("healed %v after the failover", healed)
	if healed > healing {
		t.Errorf("healed %v after the failover, want 5 s", healed)
	}
	a.bridgeState("ok")
	b.bridgeState("ok")
}

func TestTheNewestPriceArrivesAfterASentinelFailover(t *testing.T) {
	s := redistest.StartSentinel(t)
	a, b := pair(t, "redis+sentinel://"+s.Addrs()+"/"+redistest.MasterName)
	failOver(t, a, b, s.Master.Kill, s.Failover, "BTC_USDT")
}

func TestTheNewestPriceArrivesAfterAClusterLostAMaster(t *testing.T) {
	c := redistest.StartCluster(t)
	a, b := pair(t, "redis+cluster://"+c.Addrs())
	key := func(instrument string) string {
		return fmt.Sprintf("backbone:last:{%s}:price_update:%s", partition.Tag(partition.Of(instrument)), instrument)
	}
	lost := c.MasterOf(key("BTC_USDT"))
	kept := ""
	for n := 0; kept == ""; n++ {
		if other := fmt.Sprintf("I%d", n); c.MasterOf(key(other)) != lost {
			kept = other
		}
	}
	failOver(t, a, b, lost.Kill, func() { c.Failover(key("BTC_USDT"), lost) }, "BTC_USDT", kept)
}
