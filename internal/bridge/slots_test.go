package bridge

import (
	"context"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"testing"
	"time"

	"backbone/internal/bridge/wire"
	"backbone/internal/hub"
	"backbone/internal/partition"
	"backbone/internal/redistest"
)

// roomsApart are one room of each partition.
func roomsApart() (names [partition.Count]string) {
	for p := range names {
		names[p] = inPartition(p)
	}
	return names
}

func TestClusterSlotMoves(t *testing.T) {
	noLeak(t)
	c := redistest.StartCluster(t)
	for _, n := range c.Nodes {
		for _, set := range [][]string{
			{"u", "on", ">p", "resetkeys", "~backbone:*", "resetchannels", "&backbone:*", "-@all", "+hello", "+ping",
				"+ssubscribe", "+spublish", "+script|load", "+evalsha", "+eval", "+mget", "+get", "+set", "+pttl", "+pexpire", "+cluster|info", "+cluster|slots"},
		} {
			if got := n.CLI(append([]string{"ACL", "SETUSER"}, set...)...); got != "OK" {
				t.Fatalf("ACL SETUSER: %s", got)
			}
		}
	}
	a, b := start(t, "A", "redis+cluster://u:p@"+c.Addrs()), start(t, "B", "redis+cluster://u:p@"+c.Addrs())
	a.whole()
	b.whole()
	const room = "BTC_USDT"
	key := wire.Names{Prefix: DefaultPrefix}.Last("price", room)
	exchangeIn(t, a, b, []string{room}, 1)

	// While a slot is on its way, what has no place yet is published but not stored. A
	// generation offers it again.
	own := partition.Only(partition.Of(room))
	sibling := "ROOM_0"
	for n := 1; partition.Of(sibling) != partition.Of(room); n++ {
		sibling = fmt.Sprintf("ROOM_%d", n)
	}
	c.Begin(key)
	refused := tick("A", sibling, 5, 5)
	a.publish(refused, tick("A", room, 5, 5))
	b.hearsNothingBut(refused)
	b.hears()
	if got := receive(t, a.generations, "a generation of what was refused"); got != own {
		t.Errorf("generation of %x, want %x", got, own)
	}
	st := a.stats()
	if st.StoreFailed == 0 || st.Reconnects != 0 {
		t.Errorf("A's stats: %+v", st)
	}
	for r, n := range st.Drops {
		if n > 0 {
			t.Errorf("A dropped %d: %v", n, r)
		}
	}

	to := c.Migrate(key)
	begun := time.Now()
	for _, i := range []*instance{a, b} {
		if got := receive(t, i.generations, i.id+": a generation"); got != own {
			t.Errorf("generation of %x, want %x", got, own)
		}
	}
	t.Logf("healed %v after the slot moved", time.Since(begun))
	exchangeIn(t, a, b, append(rooms(50), room), 10)
	if got := to.CLI("GET", key); !strings.Contains(got, "00000000000b-B") {
		t.Errorf("%s at its new master: %q", key, got)
	}
	for _, i := range []*instance{a, b} {
		if got := i.readAll([]string{room}); len(got) != 1 {
			t.Errorf("%s: %d rooms found", i.id, len(got))
		}
	}
}

// A reshard takes one partition after the other from a master, its lowest first, on whose
// channel the heartbeats are. Nothing else is disturbed by it.
func TestAReshardCostsTheMovedPartitionsOnly(t *testing.T) {
	noLeak(t)
	c := redistest.StartCluster(t)
	a, b := start(t, "A", "redis+cluster://"+c.Addrs()), start(t, "B", "redis+cluster://"+c.Addrs())
	a.whole()
	b.whole()
	names := wire.Names{Prefix: DefaultPrefix}
	shrinks := c.MasterOf(names.NoLast(0))
	var moving partition.Set
	for p := range partition.Count {
		if c.MasterOf(names.NoLast(p)) == shrinks {
			moving |= partition.Only(p)
		}
	}
	for moving.Len() > 6 { // a move takes its time
		moving &^= partition.Only(bits.Len64(uint64(moving)) - 1)
	}
	var all []string // rooms that move, and others
	for p, room := range roomsApart() {
		if moving.Has(p) || p%10 == 9 {
			all = append(all, room)
		}
	}
	for _, i := range []*instance{a, b} {
		for len(i.states) > 0 {
			<-i.states
		}
	}

	// A publishes values, and messages alone, in each room all the time, and B takes them.
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel() // of a test that failed
	end, published := make(chan struct{}), make(chan uint64, 1)
	inTime := make(chan hub.BroadcastEvent, 1<<20)
	go func() {
		defer close(inTime)
		for {
			select {
			case e := <-b.remote:
				inTime <- e
			case <-end:
				return
			case <-ctx.Done():
				return
			}
		}
	}()
	go func() {
		ticker := time.NewTicker(3 * time.Millisecond)
		defer ticker.Stop()
		for n := uint64(1); ; n++ {
			var values, messages []hub.BroadcastEvent
			for _, room := range all {
				values, messages = append(values, tick("A", room, n, int(n))), append(messages, chat(room, strconv.FormatUint(n, 10)))
			}
			put(ctx, a.outbox, values)
			put(ctx, a.outbox, messages)
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return
			case <-end:
				published <- n
				return
			}
		}
	}()
	for p := range moving.Each() {
		c.Migrate(names.NoLast(p))
	}
	for _, i := range []*instance{a, b} {
		for moved := partition.Set(0); moved != moving; {
			got := receive(t, i.generations, i.id+": a generation")
			if moved |= got; got&^moving != 0 {
				t.Errorf("%s: generation of %x, which did not move", i.id, got&^moving)
			}
		}
	}
	close(end)
	last := <-published + 1
	var batch []hub.BroadcastEvent
	for _, room := range all {
		batch = append(batch, tick("A", room, last, 1), chat(room, strconv.FormatUint(last, 10)))
	}
	a.publish(batch...)

	type heard struct{ last, count uint64 }
	prices, chats := map[string]heard{}, map[string]heard{}
	for ended := 0; ended < 2*len(all); {
		e, ok := <-inTime
		if !ok {
			e = b.hears()
		}
		of, number := prices, e.Version.Clock
		if e.Kind == hub.Message {
			of, number = chats, must(strconv.ParseUint(strings.Trim(strings.TrimPrefix(e.Payload, `{"text":`), `"}`), 10, 64))
		}
		h := of[e.Room]
		if number <= h.last {
			t.Fatalf("%s: %d came after %d", e.Room, number, h.last)
		}
		of[e.Room] = heard{number, h.count + 1}
		if number == last {
			ended++
		}
	}
	missed := map[bool]uint64{}
	for _, room := range all {
		missed[moving.Has(partition.Of(room))] += 2*last - prices[room].count - chats[room].count
	}
	t.Logf("%d rounds, %d partitions moved", last, moving.Len())
	if missed[false] != 0 || missed[true] != 0 {
		t.Errorf("missed %d in rooms that moved, and %d in others", missed[true], missed[false])
	}
	for _, i := range []*instance{a, b} {
		if st := i.stats(); st.Reconnects != 0 || len(i.states) > 0 || i.bridge.Status().State != OK || st.Peers != 1 {
			t.Errorf("%s: %d changes of its state, %+v, %+v", i.id, len(i.states), i.bridge.Status(), st)
		}
		for r, n := range i.stats().Drops {
			if n > 0 {
				t.Errorf("%s dropped %d: %v", i.id, n, r)
			}
		}
	}
	if got := b.readAll(all); len(got) != len(all) {
		t.Errorf("%d of %d rooms found", len(got), len(all))
	}
}

// What can not be read while its slot moves must not keep the other rooms of a request
// from being read.
func TestReadsGoOnBesideASlotThatMoves(t *testing.T) {
	noLeak(t)
	c := redistest.StartCluster(t)
	a := start(t, "A", "redis+cluster://"+c.Addrs())
	a.whole()
	const moving = "BTC_USDT"
	key := wire.Names{Prefix: DefaultPrefix}.Last("price", moving)
	var other string
	for n := 0; other == ""; n++ {
		room := fmt.Sprintf("ROOM_%d", n)
		if partition.Of(room) != partition.Of(moving) && c.MasterOf(wire.Names{Prefix: DefaultPrefix}.Last("price", room)) == c.MasterOf(key) {
			other = room
		}
	}
	a.publish(tick("A", other, 1, 1))
	a.publish()
	c.Begin(key)
	answers := []answer{a.read(other, moving), receive(t, a.answers, "the other answer")}
	for _, got := range answers {
		switch fine := got.err == nil; {
		case len(got.rooms) != 1, fine != (got.rooms[0] == other):
			t.Errorf("answered %v with %v", got.rooms, got.err)
		case fine && len(got.found) != 1:
			t.Errorf("%s: %d values found, want 1", other, len(got.found))
		}
	}
}
