package hub

import (
	"fmt"
	"slices"
	"testing"
)

// of is a value of a type, with the version that its payload names.
func of(kind Kind, typ string, n int) BroadcastEvent {
	return BroadcastEvent{
		Room: "A", Type: typ, Kind: kind, Payload: fmt.Sprintf("%s %d", typ, n),
		Version: Version{Clock: uint64(n), Instance: "me"},
	}
}

func TestASnapshotReachesTheMembersThatLackItsValue(t *testing.T) {
	for _, test := range []struct {
		name string
		to   func(*testing.T, Steps) *Client
		want []string
	}{
		{"a live value of another type holds back no snapshot", func(t *testing.T, s Steps) *Client {
			first := member(s, "A")
			s.Route([]BroadcastEvent{of(State, "price", 1), of(State, "book", 1)})
			want := []string{"price 1", "book 1"}
			if got := readAll(t, s, first); !slices.Equal(got, want) {
				t.Errorf("the first member got %q, want %q", got, want)
			}
			late := member(s, "A")
			s.Route([]BroadcastEvent{of(State, "price", 2), of(Warm, "price", 2), of(Warm, "book", 1)})
			return late
		}, []string{"price 2", "book 1"}},
		{"a snapshot of the value that was given comes once", func(t *testing.T, s Steps) *Client {
			c := member(s, "A")
			s.Route([]BroadcastEvent{of(State, "price", 1), of(Warm, "price", 1), of(Warm, "price", 1)})
			return c
		}, []string{"price 1"}},
		{"a snapshot that nobody has got goes to all", func(t *testing.T, s Steps) *Client {
			c := member(s, "A")
			s.Route([]BroadcastEvent{of(State, "price", 1), of(Warm, "price", 2), of(Warm, "book", 1)})
			return c
		}, []string{"price 1", "price 2", "book 1"}},
		{"a member that left and joined again gets it once", func(t *testing.T, s Steps) *Client {
			member(s, "A")
			s.Route([]BroadcastEvent{of(State, "price", 1)})
			c := member(s, "A")
			s.Leave(c, []string{"A"}, line("left"))
			s.Join(c, []string{"A"}, Wants{}, line("joined"))
			s.Route([]BroadcastEvent{of(Warm, "price", 1)})
			return c
		}, []string{"left", "joined", "price 1"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := NewSteps(testOptions())
			if got := readAll(t, s, test.to(t, s)); !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestASnapshotIsFramedOnceWhoeverJoins(t *testing.T) {
	frames := 0
	o := withQueue(100_000)
	frame := o.Frame
	o.Frame = func(dst []byte, payload string) []byte { frames++; return frame(dst, payload) }
	s := NewSteps(o)
	first := func(c *Client) *byte {
		b := <-c.Queue()
		data, _ := b.Single()
		return &data[0]
	}
	a := member(s, "A")
	s.Route([]BroadcastEvent{of(Warm, "price", 1), of(Warm, "book", 2)})
	if got := readAll(t, s, a); !slices.Equal(got, []string{"price 1", "book 2"}) {
		t.Fatalf("got %q", got)
	}
	b := member(s, "A")
	s.Route([]BroadcastEvent{of(Warm, "price", 1)})
	c := member(s, "A")
	s.Route([]BroadcastEvent{of(Warm, "price", 1)})
	if first(b) != first(c) || frames != 2 {
		t.Errorf("%d frames were made of two snapshots", frames)
	}
	s.Route([]BroadcastEvent{of(State, "price", 3)})
	d := member(s, "A")
	s.Route([]BroadcastEvent{of(Warm, "price", 3)})
	if got := readAll(t, s, d); !slices.Equal(got, []string{"price 3"}) {
		t.Errorf("after a newer value a joiner gets %q", got)
	}
}

func TestALaggingClientGetsTheNewestOfEachType(t *testing.T) {
	s := NewSteps(withQueue(200))
	c := member(s, "A")
	want := map[string]int{}
	for n := range 100 {
		typ := []string{"price", "book"}[n%3/2]
		want[typ] = n
		s.Route([]BroadcastEvent{of(State, typ, n)})
	}
	newest, skipped, live := map[string]string{}, 0, 0
	for _, l := range readAll(t, s, c) {
		var room, typ string
		var n int
		if _, err := fmt.Sscanf(l, "conflated %s %d", &room, &n); err == nil {
			skipped += n
			continue
		}
		fmt.Sscanf(l, "%s %d", &typ, &n) //nolint:errcheck // what it is not is seen below
		newest[typ] = l
		live++
	}
	for typ, n := range want {
		if newest[typ] != fmt.Sprintf("%s %d", typ, n) {
			t.Errorf("the newest %s is %q, want %d", typ, newest[typ], n)
		}
	}
	if live+skipped != 100 || skipped == 0 {
		t.Errorf("got %d and was told of %d, want 100 in all, and some left out", live, skipped)
	}
}
