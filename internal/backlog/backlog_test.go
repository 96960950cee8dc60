package backlog

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"pgregory.net/rapid"

	"backbone/internal/hub"
	"backbone/internal/partition"
)

// price is an event with a version, of priceSize bytes in all.
func price(room string, clock uint64, kind hub.Kind) *hub.BroadcastEvent {
	return &hub.BroadcastEvent{
		Room: room, Payload: fmt.Sprintf("%072d", clock), Kind: kind,
		Version: hub.Version{Clock: clock, Instance: "me"},
	}
}

func message(room string) *hub.BroadcastEvent {
	return &hub.BroadcastEvent{Room: room, Payload: strings.Repeat("m", 72), Kind: hub.Message}
}

const priceSize = 72 + Overhead

var kinds = map[hub.Kind]string{hub.State: "live", hub.Message: "message", hub.Recovered: "recovered", hub.Resync: "resync"}

// check compares what q holds with texts like "live X 3", and its count of bytes.
func check(t *testing.T, q *Queue, when string, want ...string) {
	t.Helper()
	var got []string
	bytes := 0
	for _, e := range q.Events() {
		got = append(got, fmt.Sprintf("%s %s %d", kinds[e.Kind], e.Room, e.Version.Clock))
		bytes += len(e.Payload) + Overhead
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s: holds %q, want %q", when, got, want)
	}
	if q.Bytes() != bytes || q.Len() != len(got) {
		t.Errorf("%s: counts %d events of %d bytes, holds %d of %d", when, q.Len(), q.Bytes(), len(got), bytes)
	}
}

func TestQueueKeepsEverythingWithinItsLimit(t *testing.T) {
	q := New(4*priceSize, 16*priceSize)
	for i := range uint64(4) {
		q.Add(price("X", i+1, hub.State))
	}
	check(t, &q, "at its limit", "live X 1", "live X 2", "live X 3", "live X 4")
	q.Taken()
	check(t, &q, "once taken")
	if q.LeftOut() != (Counts{}) {
		t.Errorf("left out %+v, want nothing", q.LeftOut())
	}
}

func TestQueueKeepsTheNewestPastItsLimit(t *testing.T) {
	q := New(4*priceSize, 16*priceSize)
	q.Add(price("X", 1, hub.State))
	q.Add(price("Y", 2, hub.State))
	q.Add(message("lobby"))
	q.Add(price("X", 3, hub.State))
	q.Add(price("X", 5, hub.Resync)) // the fifth: conflates
	check(t, &q, "once conflated", "live X 3", "live Y 2", "message lobby 0", "resync X 5")
	q.Add(price("Y", 4, hub.State))
	q.Add(price("X", 3, hub.Recovered)) // is still to be told as live
	q.Add(price("X", 2, hub.State))
	q.Add(price("Z", 5, hub.Recovered))
	q.Add(price("Z", 6, hub.State)) // replaces no live value
	q.Add(price("X", 3, hub.Resync))
	q.Add(price("X", 7, hub.Resync))
	q.Add(message("lobby"))
	check(t, &q, "while it conflates", "live X 3", "live Y 4", "message lobby 0", "resync X 3", "live Z 6")
	if got, want := q.LeftOut(), (Counts{Conflated: 3, Repeated: 4, Dropped: 1}); got != want {
		t.Errorf("left out %+v, want %+v", got, want)
	}
	q.Taken()
	q.Add(message("lobby"))
	q.Add(price("X", 8, hub.State))
	q.Add(price("X", 9, hub.State))
	check(t, &q, "the next batch", "message lobby 0", "live X 8", "live X 9")
}

func TestQueueDropsRoomsPastItsMaximum(t *testing.T) {
	q := New(10*priceSize, 40*priceSize)
	lost := partition.Set(0)
	for i := range uint64(100) {
		room, before := fmt.Sprint("R", i), q.LeftOut().Dropped
		if q.Add(price(room, i+1, hub.State)); q.LeftOut().Dropped > before {
			lost |= partition.Only(partition.Of(room))
		}
	}
	if lost == 0 || q.Lost() != lost {
		t.Errorf("lost partitions %x, want %x", q.Lost(), lost)
	}
	q.Add(price("R0", 1000, hub.State))
	if bound := 41 * priceSize; q.Bytes() > bound {
		t.Errorf("holds %d bytes, want %d at most", q.Bytes(), bound)
	}
	left := q.LeftOut()
	if got := q.Len() + int(left.Dropped); got != 100 || left.Conflated != 1 {
		t.Errorf("accounts for %d rooms and %d conflated, want 100 and 1", got, left.Conflated)
	}
	if got := q.Events()[0].Version.Clock; got != 1000 {
		t.Errorf("holds version %d of the first room, want the newest, 1000", got)
	}
	if q.Taken(); q.Lost() != 0 {
		t.Errorf("lost partitions %x in the next batch, want none", q.Lost())
	}
}

func TestQueueKeepsTheNewestOfEachType(t *testing.T) {
	q := New(2*priceSize, 16*priceSize)
	for i := range uint64(12) {
		e := price("X", i, hub.State)
		e.Type = []string{"price", "book"}[i%2]
		q.Add(e)
	}
	check(t, &q, "once it conflates", "live X 10", "live X 11")
}

// A resync request that is lost is not sent again: whoever sent it would stay on an old
// value.
func TestQueueKeepsTheFurthestResyncOfARoom(t *testing.T) {
	for _, early := range []bool{true, false} { // before the limit is passed, and after
		q := New(1000, 16000)
		var events []*hub.BroadcastEvent
		for i := range uint64(20) {
			events = append(events, price("ROOM", i+1, hub.State), message("ROOM"))
		}
		resyncs := []*hub.BroadcastEvent{price("ROOM", 7, hub.Resync), price("ROOM", 3, hub.Resync), price("ROOM", 5, hub.Resync)}
		if early {
			events = slices.Concat(resyncs, events)
		} else {
			events = slices.Concat(events, resyncs)
		}
		for _, e := range events {
			q.Add(e)
		}
		var got []uint64
		for _, e := range q.Events() {
			if e.Kind == hub.Resync {
				got = append(got, e.Version.Clock)
			}
		}
		if len(got) != 1 || got[0] != 3 {
			t.Errorf("early %t: resyncs %v are kept, want 3", early, got)
		}
	}
}

func genEvent() *rapid.Generator[*hub.BroadcastEvent] {
	return rapid.Custom(func(t *rapid.T) *hub.BroadcastEvent {
		kind := rapid.SampledFrom([]hub.Kind{hub.State, hub.Message, hub.Recovered, hub.Resync}).Draw(t, "kind")
		e := price(rapid.StringMatching(`[A-C][a-c]?`).Draw(t, "room"), rapid.Uint64Range(1, 50).Draw(t, "clock"), kind)
		e.Payload = strings.Repeat("x", rapid.IntRange(0, 100<<10).Draw(t, "size"))
		return e
	})
}

// Whatever comes, and whenever the receiver takes, the receiver gets the newest value of
// each room, and each event is held, taken or counted.
func TestQueueModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(1, 1<<20).Draw(t, "limit")
		maximum := limit * rapid.IntRange(1, 16).Draw(t, "times")
		q := New(limit, maximum)
		added, taken := 0, 0
		newest, got := map[string]hub.Version{}, map[string]hub.Version{}
		lost := partition.Set(0)
		account := func(t *rapid.T) {
			for _, e := range q.Events() {
				if e.Kind.Value() && e.Version.Compare(got[e.Room]) > 0 {
					got[e.Room] = e.Version
				}
			}
			lost |= q.Lost()
			taken += q.Len()
		}
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				e := genEvent().Draw(t, "event")
				before := q.Bytes()
				if e.Kind.Value() && e.Version.Compare(newest[e.Room]) > 0 {
					newest[e.Room] = e.Version
				}
				dropped := q.LeftOut().Dropped
				q.Add(e)
				added++
				if e.Kind.Value() && q.LeftOut().Dropped > dropped && before <= maximum {
					t.Fatal("a value was dropped within the maximum")
				}
			},
			"take": func(t *rapid.T) {
				account(t)
				q.Taken()
			},
			"": func(t *rapid.T) {
				bytes := 0
				for _, e := range q.Events() {
					bytes += len(e.Payload) + Overhead
				}
				if bytes != q.Bytes() {
					t.Fatalf("counts %d bytes, holds %d", q.Bytes(), bytes)
				}
				if q.Bytes() > limit && q.at == nil {
					t.Fatalf("holds %d bytes and does not conflate", q.Bytes())
				}
			},
		})
		account(t)
		left := q.LeftOut()
		if all := taken + int(left.Conflated+left.Repeated+left.Dropped); all != added {
			t.Fatalf("accounts for %d of %d events: %+v", all, added, left)
		}
		for room, v := range newest {
			if got[room] != v && !lost.Has(partition.Of(room)) {
				t.Fatalf("%s: the newest that was taken is %v, want %v", room, got[room], v)
			}
		}
	})
}

// The receiver of one producer, whose versions only grow, gets a part of what was added in
// order. Live values that it does not get are counted as conflated, messages as dropped.
func TestQueueOfOneProducerStaysInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(1, 20).Draw(t, "places") * priceSize
		q := New(limit, 1000*priceSize)
		var clock, states, got, messages, gotMessages uint64
		newest, seen := map[string]uint64{}, map[string]uint64{}
		take := func(*rapid.T) {
			for _, e := range q.Events() {
				if e.Kind == hub.Message {
					gotMessages++
					continue
				}
				if e.Version.Clock <= seen[e.Room] {
					t.Fatalf("%s: version %d after %d", e.Room, e.Version.Clock, seen[e.Room])
				}
				seen[e.Room] = e.Version.Clock
				got++
			}
			q.Taken()
		}
		t.Repeat(map[string]func(*rapid.T){
			"price": func(t *rapid.T) {
				room := rapid.SampledFrom([]string{"A", "B", "C", "D", "E"}).Draw(t, "room")
				clock++
				states++
				newest[room] = clock
				q.Add(price(room, clock, hub.State))
			},
			"message": func(*rapid.T) {
				messages++
				q.Add(message("lobby"))
			},
			"take": take,
			"": func(t *rapid.T) {
				if bound := limit + 6*priceSize; q.Bytes() > bound { // one event passes the limit, and each of five rooms keeps one
					t.Fatalf("holds %d bytes, want %d at most", q.Bytes(), bound)
				}
			},
		})
		take(t)
		for room, clock := range newest {
			if seen[room] != clock {
				t.Fatalf("%s: ends with version %d, want the newest, %d", room, seen[room], clock)
			}
		}
		left := q.LeftOut()
		if got+left.Conflated != states || gotMessages+left.Dropped != messages {
			t.Fatalf("of %d prices %d were taken and %d conflated; of %d messages %d and %d dropped",
				states, got, left.Conflated, messages, gotMessages, left.Dropped)
		}
	})
}

// An event added past the limit costs no more than one before it: the queue is gone over
// once.
func TestQueueConflatesOnce(t *testing.T) {
	q := New(100*priceSize, 400*priceSize)
	for i := range uint64(101) {
		q.Add(price(fmt.Sprint("R", i), i+1, hub.State))
	}
	const n = 1000
	events := make([]*hub.BroadcastEvent, n)
	for i := range events {
		events[i] = price(fmt.Sprint("R", i%101), uint64(1000+i), hub.State)
	}
	if got := testing.AllocsPerRun(1, func() {
		for _, e := range events {
			q.Add(e)
		}
	}); got != 0 {
		t.Errorf("%d events past the limit made %v allocations, want none", n, got)
	}
	if q.Len() != 101 {
		t.Errorf("holds %d events, want 101", q.Len())
	}
}

// Of many messages of which one event each is left, only these events are kept.
func TestQueueOfPartsKeepsCopies(t *testing.T) {
	for _, parts := range []bool{true, false} {
		q := New(4*priceSize, 16*priceSize)
		if parts {
			q = NewOfParts(4*priceSize, 16*priceSize)
		}
		var texts []string
		add := func(e *hub.BroadcastEvent) {
			text := e.Room + e.Payload
			e.Room, e.Payload = text[:len(e.Room)], text[len(e.Room):]
			texts = append(texts, text)
			q.Add(e)
		}
		for i := range uint64(3) {
			add(message("lobby"))
			add(price("X", i+1, hub.State)) // conflates with the fifth
		}
		add(price("X", 9, hub.State)) // replaces one
		add(price("Y", 1, hub.State)) // is new
		for _, e := range q.Events() {
			for _, text := range texts {
				if got := within(e.Room, text) || within(e.Payload, text); got && parts {
					t.Errorf("%s %s is a part of the text that it came in", e.Room, e.Payload)
				} else if within(e.Room, text) != within(e.Payload, text) {
					t.Errorf("%s: room and payload are of different texts", e.Room)
				}
			}
		}
		check(t, &q, fmt.Sprint("parts ", parts), "message lobby 0", "live X 9", "message lobby 0", "message lobby 0", "live Y 1")
	}
}

// Events are large, so a queue that grows must not copy them many times.
func TestQueueGrowsInFewSteps(t *testing.T) {
	e := price("X", 1, hub.State)
	q := New(1<<30, 1<<30)
	fill := func() {
		for range 5000 {
			q.Add(e)
		}
	}
	if got := testing.AllocsPerRun(10, func() { q = New(1<<30, 1<<30); fill() }); got > 10 {
		t.Errorf("%v steps to 5,000 events, want 10 at most", got)
	}
	if got := testing.AllocsPerRun(10, func() { q.Taken(); fill() }); got > 2 {
		t.Errorf("%v steps to as many again, want 2", got)
	}
}

// within reports whether s is a part of text.
func within(s, text string) bool {
	at, begin := uintptr(unsafe.Pointer(unsafe.StringData(s))), uintptr(unsafe.Pointer(unsafe.StringData(text)))
	return begin <= at && at < begin+uintptr(len(text))
}
