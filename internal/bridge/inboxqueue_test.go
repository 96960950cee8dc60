package bridge

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"backbone/internal/hub"
)

func TestInboxConflatesByRoomAndKeepsMessages(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := rapid.SliceOfN(genEvent(), 0, 60).Draw(t, "events")
		q := inboxQueue{limit: rapid.IntRange(1, 1<<20).Draw(t, "limit")}
		newest := map[string]hub.Version{}
		conflated, dropped := 0, 0
		for i := range events {
			e := &events[i]
			if e.Kind.Value() && e.Version.Compare(newest[e.Room]) > 0 {
				newest[e.Room] = e.Version
			}
			c, d := q.add(e)
			if c {
				conflated++
			}
			if d {
				dropped++
				if e.Kind.Value() && q.bytes <= inboxFull*q.limit {
					t.Fatal("a value was dropped below the hard bound")
				}
				if e.Kind.Value() {
					return // past the hard bound nothing more is promised
				}
			}
			left, lost := q.conflate()
			conflated, dropped = conflated+left, dropped+lost
			if q.bytes > q.limit && q.at == nil {
				t.Fatalf("%d bytes and not conflated", q.bytes)
			}
		}
		if len(q.events)+conflated+dropped != len(events) {
			t.Fatalf("%d held, %d conflated, %d dropped of %d", len(q.events), conflated, dropped, len(events))
		}
		bytes, held := 0, map[string]hub.Version{}
		for _, e := range q.events {
			bytes += len(e.Payload) + inboxOverhead
			if e.Kind.Value() && e.Version.Compare(held[e.Room]) > 0 {
				held[e.Room] = e.Version
			}
		}
		if bytes != q.bytes {
			t.Fatalf("%d bytes held, counted %d", bytes, q.bytes)
		}
		for room, v := range newest {
			if held[room] != v {
				t.Fatalf("%s: newest held is %v, want %v", room, held[room], v)
			}
		}
	})
}

// A question that is lost is not asked again: who asked would stay on an old value.
func TestInboxKeepsTheFurthestQuestionOfARoom(t *testing.T) {
	question := func(clock uint64) hub.BroadcastEvent {
		e := tick("A", "ROOM", clock, 0)
		e.Kind = hub.Resync
		return e
	}
	for _, early := range []bool{true, false} { // before the bound is passed, and after
		q := inboxQueue{limit: 1000}
		var events []hub.BroadcastEvent
		for i := range 20 {
			events = append(events, tick("A", "ROOM", uint64(i+1), i), chat("ROOM", "hello"))
		}
		asked := []hub.BroadcastEvent{question(7), question(3), question(5)}
		if early {
			events = append(asked, events...)
		} else {
			events = append(events, asked...)
		}
		for i := range events {
			q.add(&events[i])
			q.conflate()
		}
		var got []uint64
		for _, e := range q.events {
			if e.Kind == hub.Resync {
				got = append(got, e.Version.Clock)
			}
		}
		if len(got) != 1 || got[0] != 3 {
			t.Errorf("early %t: questions %v are kept, want 3", early, got)
		}
	}
}

func TestInboxDropsValuesFarPastItsBound(t *testing.T) {
	q := inboxQueue{limit: 100}
	dropped := 0
	for i := range 1000 {
		e := tick("A", fmt.Sprint(i), 1, 1)
		if _, d := q.add(&e); d {
			dropped++
		}
		q.conflate()
	}
	if dropped == 0 || q.bytes > (inboxFull+2)*q.limit+2*inboxOverhead {
		t.Errorf("%d dropped, %d bytes held of %d", dropped, q.bytes, q.limit)
	}
}
