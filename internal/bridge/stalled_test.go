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

// A reshard of many slots, each of which arrives in time, is no slot that stays on its way.
func TestSlotsThatMoveOneAfterTheOtherDoNotStayOnTheirWay(t *testing.T) {
	var s stalled
	for p := range partition.Count { // the next one has begun when one has arrived
		s.partitions |= partition.Only(p)
		arrived := partition.Only(p) >> 1
		for range stalledAfter {
			if long, over := s.beat(arrived); long > 0 || over {
				t.Fatalf("partition %d: %d for long, over %v", p, long, over)
			}
			arrived = 0
		}
	}
	const last = partition.Count - 1
	s.partitions |= partition.Only(3)
	if long, _ := s.beat(0); long != 1 {
		t.Errorf("%d for long, want the last partition", long)
	}
	if long, over := s.beat(partition.Only(3)); long > 0 || over {
		t.Errorf("told %d again, over %v", long, over)
	}
	if long, over := s.beat(partition.Only(last)); long > 0 || !over {
		t.Errorf("%d for long, over %v, want the end", long, over)
	}
	if s != (stalled{}) {
		t.Errorf("%v is left", s)
	}
}
