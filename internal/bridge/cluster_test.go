package bridge

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"backbone/internal/bridge/wire"
	"backbone/internal/hub"
	"backbone/internal/partition"
	"backbone/internal/redistest"
)

// whole waits until the generations cover all partitions, and all shards are up.
func (i *instance) whole() {
	i.t.Helper()
	for held := partition.Set(0); held != partition.All || i.bridge.Status().State != OK; {
		held |= receive(i.t, i.generations, i.id+": a generation: "+fmt.Sprint(i.bridge.Status()))
	}
}

// rooms are many, so that each master has some.
func rooms(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprintf("ROOM_%d", i))
	}
	return names
}

func TestClusterPublishesReadsAndLosesAMaster(t *testing.T) {
	noLeak(t)
	c := redistest.StartCluster(t)
	a, b := start(t, "A", "redis+cluster://"+c.Addrs()), start(t, "B", "redis+cluster://"+c.Nodes[0].Addr())
	a.whole()
	b.whole()
	if st := a.bridge.Status(); len(st.Shards) != 3 {
		t.Fatalf("status: %+v", st)
	}

	// Events of many rooms cross in order.
	const rounds = 20
	// A name may hold what looks like a hash tag: the first one of a key, which is ours, decides.
	all := append([]string{"{x}", "{17aitp}:BTC_USDT", "}{", "{}", "BRK B", "币安人生USDT"}, rooms(100)...)
	for n := range uint64(rounds) {
		var batch []hub.BroadcastEvent
		for _, room := range all {
			batch = append(batch, tick("A", room, n+1, int(n)))
		}
		a.publish(batch...)
	}
	seen := map[string]uint64{}
	for range rounds * len(all) {
		e := b.hears()
		if e.Version.Clock != seen[e.Room]+1 {
			t.Fatalf("%s: %d came after %d", e.Room, e.Version.Clock, seen[e.Room])
		}
		seen[e.Room] = e.Version.Clock
	}
	for _, room := range all[:10] {
		key := wire.Names{Prefix: DefaultPrefix}.Last("price", room)
		if got := c.MasterOf(key).CLI("GET", key); !strings.Contains(got, `"price":19`) {
			t.Errorf("%s at its master: %q", key, got)
		}
		if got, want := c.Nodes[0].CLI("CLUSTER", "KEYSLOT", key), fmt.Sprint(partition.Slot(partition.Of(room))); got != want {
			t.Errorf("slot of %s: %s, want %s", key, want, got)
		}
	}
	if got := b.readAll(all); len(got) != len(all) {
		t.Errorf("%d of %d rooms found", len(got), len(all))
	}

	// One master is lost: the others go on, and only it is degraded.
	lostRoom := all[0]
	key := wire.Names{Prefix: DefaultPrefix}.Last("price", lostRoom)
	lost := c.MasterOf(key)
	var kept string
	for _, room := range all {
		if c.MasterOf(wire.Names{Prefix: DefaultPrefix}.Last("price", room)) != lost {
			kept = room
			break
		}
	}
	lost.Kill()
	a.logged("redis is lost")
	b.logged("redis is lost")
	st := a.bridge.Status()
	down := slices.DeleteFunc(slices.Clone(st.Shards), func(s ShardStatus) bool { return s.State == OK })
	if st.State != Degraded || len(st.Shards) != 3 || len(down) != 1 || down[0].Name != lost.Addr() {
		t.Errorf("status without a master: %+v", st)
	}
	newest := tick("A", lostRoom, 1000, 4711)
	other := tick("A", kept, 1000, 4712)
	before := a.stats()
	a.publish(newest, chat(lostRoom, "waits"), other)

	c.Failover(key, lost)
	begun := time.Now()
	b.holds(newest)
	healed := time.Since(begun)
	t.Logf("healed %v after the failover", healed)
	if healed > 10*time.Second {
		t.Errorf("healed %v after the failover", healed)
	}
	a.works()
	b.works()
	if st := a.bridge.Status(); len(st.Shards) != 3 || slices.ContainsFunc(st.Shards, func(s ShardStatus) bool { return s.Name == lost.Addr() }) {
		t.Errorf("status after the failover: %+v", st)
	}
	exchangeIn(t, a, b, all, 2000)
	a.publish() // taken once all before it is sent: the message waited too
	after := a.stats()
	if got, want := after.Published-before.Published, uint64(3+len(all)); got != want || !maps.Equal(after.Drops, before.Drops) {
		t.Errorf("A published %d events, want %d; dropped %v, before %v", got, want, after.Drops, before.Drops)
	}
	if got := b.readAll(all); len(got) != len(all) {
		t.Errorf("%d of %d rooms found", len(got), len(all))
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// holds waits until i has heard e or reads it, as ingest does once the session works. (An
// event that was published before i had subscribed again is not heard.)
func (i *instance) holds(e hub.BroadcastEvent) {
	i.t.Helper()
	for begun := time.Now(); time.Since(begun) < patience; {
		found := i.read(e.Room).found
		for len(i.remote) > 0 {
			found = append(found, <-i.remote)
		}
		if slices.ContainsFunc(found, func(f hub.BroadcastEvent) bool { return f.Room == e.Room && f.Version == e.Version }) {
			return
		}
	}
	i.t.Fatalf("%s: neither heard nor read after %v: %s", i.id, patience, e.Payload)
}

// works waits until all links work.
func (i *instance) works() {
	i.t.Helper()
	for i.bridge.Status().State != OK {
		receive(i.t, i.generations, i.id+": a generation: "+fmt.Sprint(i.bridge.Status()))
	}
}

// exchangeIn proves that events pass both ways in each room.
func exchangeIn(t *testing.T, a, b *instance, rooms []string, clock uint64) {
	t.Helper()
	for n, way := range [][2]*instance{{a, b}, {b, a}} {
		missing := map[string]bool{}
		var batch []hub.BroadcastEvent
		for _, room := range rooms {
			e := tick(way[0].id, room, clock+uint64(n), int(clock)+n)
			batch, missing[room] = append(batch, e), true
		}
		way[0].publish(batch...)
		for len(missing) > 0 {
			if e := way[1].hears(); e.Version == batch[0].Version {
				delete(missing, e.Room)
			}
		}
	}
}

// readAll returns what is found of the rooms, whatever number of answers it comes in.
func (i *instance) readAll(rooms []string) (found []hub.BroadcastEvent) {
	i.t.Helper()
	got := i.read(rooms...)
	for answered := 0; ; got = receive(i.t, i.answers, i.id+": an answer to a read") {
		if got.err != nil {
			i.t.Errorf("%s: read: %v", i.id, got.err)
		}
		found = append(found, got.found...)
		if answered += len(got.rooms); answered >= len(rooms) {
			return found
		}
	}
}

// The other nodes' rooms would be lost without a word.
func TestOneNodeOfAClusterIsNoServerOfItsOwn(t *testing.T) {
	noLeak(t)
	c := redistest.StartCluster(t)
	a := start(t, "A", c.Nodes[0].URL())
	if line := a.logged("not reachable yet"); !strings.Contains(line, "use redis+cluster://") {
		t.Errorf("logged %s, want what to do", line)
	}
	if st := a.bridge.Status(); st.State != Connecting || len(a.generations) > 0 {
		t.Errorf("status: %+v, want that the link never worked", st)
	}
}

// A server that has all slots of a cluster refuses a call for several of them, but is as
// good as one that has none.
func TestANodeWithAllSlotsIsPublishedToOnePartitionAtATime(t *testing.T) {
	noLeak(t)
	s := redistest.Start(t, "--cluster-enabled", "yes")
	s.CLI("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
	for s.CLI("CLUSTER", "INFO")[:len("cluster_state:ok")] != "cluster_state:ok" {
	}
	a, b := start(t, "A", s.URL()), start(t, "B", s.URL())
	a.whole()
	b.whole()
	all := rooms(20)
	var batch []hub.BroadcastEvent
	for _, room := range all {
		batch = append(batch, tick("A", room, 1, 1))
	}
	a.publish(batch...)
	for range all {
		b.hears()
	}
	for deadline := time.Now().Add(patience); a.stats().Published != uint64(len(all)); a.read("ROOM") { // counted behind the answer
		if time.Now().After(deadline) {
			t.Fatalf("%+v", a.stats())
		}
	}
	if n := a.stats().Reconnects; n > 0 {
		t.Errorf("%d links were lost", n)
	}
}
