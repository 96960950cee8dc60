package hub

import (
	"slices"
	"testing"
)

// counting counts how often events are framed in each form.
func counting(plain, with *int) Options {
	o := testOptions()
	frame, stamp := o.Frame, o.Stamped
	o.Frame = func(dst []byte, payload string) []byte { *plain++; return frame(dst, payload) }
	o.Stamped = func(dst []byte, e *BroadcastEvent) []byte { *with++; return stamp(dst, e) }
	return o
}

func stampedMember(s Steps, room string) *Client {
	c := newClient()
	s.Register(c)
	s.Join(c, []string{room}, Wants{Stamp: true}, line("joined %s", room))
	return c
}

// Each form is made once for all members that get it, and only if there is one.
func TestEachFormIsFramedOnceForWhoGetsIt(t *testing.T) {
	for _, test := range []struct {
		name        string
		without     int
		with        int
		plain, both int // frames of two events
	}{
		{"nobody gets stamps", 3, 0, 2, 0},
		{"all get stamps", 0, 3, 0, 2},
		{"some get stamps", 2, 2, 2, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			var plain, with int
			s := NewSteps(counting(&plain, &with))
			var all []*Client
			for range test.without {
				all = append(all, member(s, "A"))
			}
			for range test.with {
				all = append(all, stampedMember(s, "A"))
			}
			s.Route([]BroadcastEvent{value("A", 1), value("A", 2)})
			if plain != test.plain || with != test.both {
				t.Errorf("framed %d without and %d with a stamp, want %d and %d", plain, with, test.plain, test.both)
			}
			for i, c := range all {
				want := []string{"value A 1", "value A 2"}
				if i >= test.without {
					want = []string{stamped("value A 1"), stamped("value A 2")}
				}
				if got := readAll(t, s, c); !slices.Equal(got[len(got)-2:], want) {
					t.Errorf("client %d got %q, want %q", i, got, want)
				}
			}
		})
	}
}

// Values have a stamped form, also as snapshots and for a client that lags. Messages and
// statuses have none. A join of a joined room that says nothing of stamps changes nothing.
func TestTheFormFollowsTheMembership(t *testing.T) {
	s := NewSteps(testOptions())
	c, other := stampedMember(s, "A"), member(s, "A")
	s.Join(c, []string{"A"}, Wants{}, line("joined"))
	s.Route([]BroadcastEvent{of(Warm, "price", 1), {Room: "A", Kind: Message, Payload: "message"}})
	want := []string{"joined A", "joined", stamped("price 1"), "message"}
	if got := readAll(t, s, c); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	s.Conflate(c)
	s.Conflate(other)
	s.Route([]BroadcastEvent{of(State, "price", 2)})
	s.Route([]BroadcastEvent{of(State, "price", 3), of(Recovered, "book", 4)})
	got, plain := readAll(t, s, c), readAll(t, s, other)
	if want := []string{"conflated A 1", stamped("price 3"), stamped("book 4")}; !slices.Equal(got, want) {
		t.Errorf("while it lagged it got %q, want %q", got, want)
	}
	if want := []string{"conflated A 1", "price 3", "book 4", "message"}; !slices.Equal(plain[max(0, len(plain)-4):], want) {
		t.Errorf("the member without stamps got %q, want %q at the end", plain, want)
	}
	s.Leave(c, []string{"A"}, line("left A"))
	s.Join(c, []string{"A"}, Wants{}, line("joined A"))
	s.Route([]BroadcastEvent{of(State, "price", 5)})
	if got := readAll(t, s, c); got[len(got)-1] != "price 5" {
		t.Errorf("joined again without stamps it got %q", got)
	}
}

// A room in which nobody gets stamps costs no allocation more, however many do elsewhere.
func TestStampsElsewhereCostNothing(t *testing.T) {
	allocations := func(room string) float64 {
		s := NewSteps(testOptions())
		c, elsewhere := member(s, "A"), stampedMember(s, room)
		events := []BroadcastEvent{value("A", 1)}
		return testing.AllocsPerRun(100, func() {
			s.Route(events)
			for range len(c.Queue()) {
				<-c.Queue()
			}
			for range len(elsewhere.Queue()) {
				<-elsewhere.Queue()
			}
		})
	}
	if here, elsewhere := allocations("A"), allocations("B"); elsewhere > 2 || here < elsewhere+2 {
		t.Errorf("%v allocations where nobody gets stamps, %v where somebody does", elsewhere, here)
	}
}
