package bridge

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"backbone/internal/bridge/wire"
	"backbone/internal/partition"
	"backbone/internal/redistest"
)

// A slot that stays on its way, as after a migration that ended early, is told of once, and so is
// its end: by itself nothing else would say why joiners find no last price.
func TestASlotThatStaysOnItsWayIsToldOf(t *testing.T) {
	for name, interval := range map[string]time.Duration{"stored at once": 0, "stored later": 5 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			noLeak(t)
			c := redistest.StartCluster(t)
			a := start(t, "A", "redis+cluster://"+c.Addrs(), func(o *Options) {
				o.StoreInterval, o.Heartbeat = interval, 50*time.Millisecond
			})
			a.whole()
			const room = "BTC_USDT"
			key := wire.Names{Prefix: DefaultPrefix}.Last("price", room)
			from := c.MasterOf(key)
			to := c.Begin(key)
			a.publish(tick("A", room, 1, 1))
			if line := a.logged("stay on their way to another master: end their migration"); !strings.Contains(line, "partitions=1") || !strings.Contains(line, from.Addr()) {
				t.Errorf("logged %s, want the master %s and one partition", line, from.Addr())
			}
			slot := from.CLI("CLUSTER", "KEYSLOT", key)
			for _, n := range []*redistest.Server{from, to} {
				if got := n.CLI("CLUSTER", "SETSLOT", slot, "STABLE"); got != "OK" {
					t.Fatalf("SETSLOT: %s", got)
				}
			}
			a.logged("no slots on their way any more")
			if got := a.stats().Drops; len(got) != 0 && got[DropInDoubt] != 0 {
				t.Errorf("dropped %v", got)
			}
		})
	}
}

// A slot on its way hides from nobody that Redis stores again: another one is asked.
func TestASlotOnItsWayDoesNotHideThatRedisStoresAgain(t *testing.T) {
	noLeak(t)
	c := redistest.StartCluster(t)
	a := start(t, "A", "redis+cluster://"+c.Addrs(), func(o *Options) { o.Heartbeat = 50 * time.Millisecond })
	a.whole()
	names := wire.Names{Prefix: DefaultPrefix}
	room := func(p int) string {
		for n := 0; ; n++ {
			if room := fmt.Sprintf("ROOM_%d", n); partition.Of(room) == p {
				return room
			}
		}
	}
	lowest := names.Last("price", room(0)) // what a session asks for first
	c.Begin(lowest)
	master := c.MasterOf(lowest)
	if got := c.MasterOf(names.Last("price", room(1))); got != master {
		t.Fatalf("partition 1 is at %s, not at %s", got.Addr(), master.Addr())
	}
	master.CLI("CONFIG", "SET", "maxmemory", "1")
	a.publish(tick("A", room(1), 1, 1))
	a.logged("does not store last prices")
	master.CLI("CONFIG", "SET", "maxmemory", "0")
	a.logged("stores last prices again")
}
