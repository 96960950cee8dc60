package hub

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// What a client that never reads holds besides its queue, as documented: for each room and type the
// place of its newest frame, and its memberships. The frames are there once, for all.
const (
	lagBytes    = 72 // for each room and type
	memberBytes = 48 // for each room, whether it reads or not
)

func TestAStuckClientHoldsLittleForEachRoom(t *testing.T) {
	const clients, rooms = 12, 3000
	const queue = 8 << 10
	s := NewSteps(withQueue(queue))
	var names []string
	for i := range rooms {
		names = append(names, fmt.Sprintf("R%d", i))
	}
	number := 0
	all := func(kind Kind, typ string) (events []BroadcastEvent) {
		number++
		for _, room := range names {
			payload := fmt.Sprintf("%s %s %d ", room, typ, number) + strings.Repeat(".", 100)
			events = append(events, BroadcastEvent{Room: room, Type: typ, Kind: kind, Payload: payload, Version: Version{Clock: uint64(number)}})
		}
		return events
	}
	join := func() *Client {
		c := newClient()
		s.Register(c)
		s.Join(c, append([]string(nil), names...), Wants{}, line("joined"))
		return c
	}
	heap := func() int {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	snapshot := func() []BroadcastEvent { // each joiner gets one of its own from ingest
		events := all(Warm, "price")
		for i := range events {
			events[i].Version = Version{Clock: 1}
		}
		number--
		return events
	}

	keeper := join() // so that the rooms, and what is shared, are there
	s.Route(all(State, "price"))
	s.Route(snapshot())
	stuck := []*Client{keeper}
	begin := heap()
	for range clients {
		stuck = append(stuck, join())
		s.Route(snapshot())
	}
	check := func(when string, types int) {
		t.Helper()
		each := (heap() - begin) / clients
		bound := queue + rooms*(memberBytes+types*lagBytes)
		t.Logf("%s: %d bytes for each client, %.1f for each room and type", when, each, float64(each)/rooms/float64(types))
		if each > bound {
			t.Errorf("%s: a client holds %d bytes, more than %d", when, each, bound)
		}
	}
	check("with snapshots", 1)
	for range 3 {
		s.Route(all(State, "price"))
	}
	check("with newer values", 1)
	for range 3 {
		s.Route(all(State, "book"))
	}
	check("with a second type", 2)
	if n := s.Stats().Lagging; n != len(stuck) {
		t.Errorf("%d of %d lag", n, len(stuck))
	}
	runtime.KeepAlive(stuck)
}
