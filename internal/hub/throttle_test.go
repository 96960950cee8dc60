package hub

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// slowed is a hub whose time the test sets, with one client that is in A.
type slowed struct {
	*testing.T
	Steps
	c   *Client
	now time.Duration
}

func rated(t *testing.T, wants Wants) *slowed {
	s := &slowed{T: t, c: newClient(), now: time.Hour}
	opts := withQueue(64 << 10)
	opts.Now = func() time.Duration { return s.now }
	s.Steps = NewSteps(opts)
	s.Register(s.c)
	s.join(wants)
	s.gets("joined")
	return s
}

func (s *slowed) join(wants Wants) { s.Join(s.c, []string{"A"}, wants, line("joined")) }

// route routes values, each in a turn of its own.
func (s *slowed) route(numbers ...int) {
	for _, n := range numbers {
		s.Route([]BroadcastEvent{of(State, "price", n)})
	}
}

// pass lets time go by.
func (s *slowed) pass(d time.Duration) {
	s.now += d
	s.TakeDue()
}

func (s *slowed) gets(want ...string) {
	s.Helper()
	if got := readAll(s.T, s.Steps, s.c); !slices.Equal(got, want) {
		s.Errorf("got %q, want %q", got, want)
	}
}

const half = 500 * time.Millisecond

func TestTheFirstComesAtOnceAndTheLastInItsTurn(t *testing.T) {
	s := rated(t, Wants{Every: half})
	s.route(1)
	s.gets("price 1")
	s.route(2, 3, 4)
	s.pass(half - 1)
	s.gets()
	s.pass(1)
	s.gets("conflated A 2", "price 4")
	s.pass(10 * half)
	s.gets() // it is said once
	s.route(5)
	s.gets("price 5")
	s.Route([]BroadcastEvent{of(State, "price", 6), {Room: "A", Type: "price", Kind: Recovered, Payload: "price 7", Missed: 3}})
	s.pass(half)
	s.gets("conflated A 4", "price 7")
	s.pass(half)
	s.Route([]BroadcastEvent{of(State, "price", 8), of(State, "price", 9)})
	s.gets("conflated A 1", "price 9")
	s.route(10)
	s.pass(half)
	s.gets("price 10")
	if st := s.Stats(); st.Throttled != 4 || st.Conflated != 0 || len(s.hub.due) != 0 {
		t.Errorf("counted %+v", st)
	}
}

// The stamp of a value that is not live tells its age when it goes, not when it came.
func TestAnAgeIsThatOfTheTurn(t *testing.T) {
	s := rated(t, Wants{Every: half, Stamp: true})
	s.hub.opts.Stamped = func(dst []byte, e *BroadcastEvent) []byte {
		return s.hub.opts.Frame(dst, fmt.Sprint(e.Payload, " of age ", s.now-e.Born))
	}
	for _, kind := range []Kind{Recovered, Warm} {
		e := BroadcastEvent{Room: "A", Type: "price", Kind: kind, Payload: "price", Born: s.now - time.Second, Version: Version{Clock: uint64(kind)}}
		s.Route([]BroadcastEvent{{Room: "A", Type: "price", Kind: State, Payload: "live", Born: s.now, Version: Version{Clock: uint64(kind) - 1}}})
		s.gets("live of age 0s")
		s.Route([]BroadcastEvent{e})
		s.gets()
		s.pass(half)
		s.gets("price of age 1.5s")
		s.pass(half)
	}
}

// A turn that is late does not delay those behind it, and no time that was not used is made up for.
func TestTurnsKeepTheirPace(t *testing.T) {
	s := rated(t, Wants{Every: half})
	s.route(1)
	s.gets("price 1")
	s.route(2)
	s.pass(half + 30*time.Millisecond)
	s.gets("price 2")
	s.route(3)
	s.pass(half - 30*time.Millisecond)
	s.gets("price 3")
	s.pass(3*half - 1)
	s.route(4)
	s.gets("price 4")
	s.route(5)
	s.pass(half - 1)
	s.gets()
	s.pass(maxTick)
	s.gets("price 5")
}

// Types, rooms and members have turns of their own, and what is no value has none.
func TestEachTypeHasItsTurn(t *testing.T) {
	s := rated(t, Wants{Every: half, Absent: true, Status: true})
	other := member(s.Steps, "A", "B")
	s.Join(s.c, []string{"B"}, Wants{}, line("joined B"))
	s.route(1, 2)
	s.Route([]BroadcastEvent{of(State, "book", 3), value("B", 4), value("B", 5), {Room: "A", Kind: Message, Payload: "hello"}})
	s.gets("joined B", "price 1", "book 3", "hello", "value B 4", "value B 5")
	s.Route([]BroadcastEvent{of(State, "book", 6), {Room: "A", Kind: Message, Payload: "again"}, {Room: "A", Kind: Status, Payload: "live"}})
	s.gets("again", "live")
	s.pass(half)
	got := readAll(t, s.Steps, s.c)
	slices.Sort(got)
	if want := []string{"book 6", "price 2"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	want := []string{"price 1", "price 2", "book 3", "hello", "value B 4", "value B 5", "book 6", "again"}
	if got := readAll(t, s.Steps, other); !slices.Equal(got, want) {
		t.Errorf("the other member got %q", got)
	}
}

func TestASnapshotIsTheFirst(t *testing.T) {
	s := rated(t, Wants{Every: half})
	warm := of(Warm, "price", 1)
	warm.Version = Version{Clock: 1}
	s.Route([]BroadcastEvent{warm})
	s.gets("price 1")
	s.Leave(s.c, []string{"A"}, line("left"))
	s.join(Wants{Every: half})
	other := member(s.Steps, "A")
	s.Route([]BroadcastEvent{warm, warm})
	s.gets("left", "joined", "price 1") // once, though it lacked it twice
	if got := readAll(t, s.Steps, other); !slices.Equal(got, []string{"price 1"}) {
		t.Errorf("the other member got %q", got)
	}
	s.route(2)
	newer := of(Warm, "price", 3)
	newer.Version = Version{Clock: 3}
	s.Route([]BroadcastEvent{newer})
	s.pass(half)
	s.gets("conflated A 1", "price 3")
}

// What waits has the form and the pace that are asked for last, and is not lost with a change.
func TestASecondJoinChangesTheRate(t *testing.T) {
	s := rated(t, Wants{Every: half})
	s.route(1, 2)
	s.join(Wants{Stamp: true})
	s.join(Wants{Every: 2 * half})
	s.pass(2*half - 1)
	s.gets("price 1", "joined", "joined")
	s.pass(1)
	s.gets(stamped("price 2"))
	s.route(3, 4)
	s.join(Wants{Every: half / 5, NoStamp: true})
	s.pass(half / 5)
	s.gets("joined", "conflated A 1", "price 4")
	s.route(5, 6)
	s.join(Wants{NoEvery: true})
	s.gets("joined", "conflated A 1", "price 6")
	s.route(7, 8)
	s.gets("price 7", "price 8")
	s.join(Wants{Every: half})
	s.route(9, 10)
	s.join(Wants{Whole: true})
	s.route(11)
	s.gets("joined", "price 9", "joined", "price 10", "price 11")
	if len(s.hub.due) > 0 || len(s.hub.waiting) > 0 {
		t.Error("it waits for a turn")
	}
}

func TestWhatWaitsWhenAClientGoes(t *testing.T) {
	for _, test := range []struct {
		name string
		goes func(*slowed)
		want []string
		left uint64 // dropped
	}{
		{"it leaves", func(s *slowed) { s.Leave(s.c, []string{"A"}, line("left")) }, []string{"left"}, 1},
		{"it is gone", func(s *slowed) { s.Unregister(s.c) }, nil, 2},
		{"it is sent away", func(s *slowed) { s.hub.handle(command{op: opClose, client: s.c}) }, []string{"conflated A 1", "price 3"}, 0},
		{"the server stops", func(s *slowed) { s.CloseAll() }, []string{"conflated A 1", "price 3"}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := rated(t, Wants{Every: half})
			s.route(1)
			if test.left < 2 {
				s.gets("price 1")
			}
			s.route(2, 3)
			test.goes(s)
			s.route(4)
			s.pass(10 * half)
			s.gets(test.want...)
			if len(s.hub.due) > 0 || len(s.hub.waiting) > 0 {
				t.Error("it waits for a turn")
			}
			want := test.left
			if test.name != "it leaves" && test.name != "it is gone" {
				want++ // it is a member until it is unregistered
			}
			if st := s.Stats(); st.Dropped != want || st.Throttled != 1 {
				t.Errorf("counted %+v", st)
			}
		})
	}
}

// A client that lags is conflated, and told of all that is left out, for whatever reason.
func TestALaggingClientHasItsTurnsToo(t *testing.T) {
	s := rated(t, Wants{Every: half})
	s.Conflate(s.c)
	for n := range 9 {
		s.route(3*n, 3*n+1, 3*n+2)
		s.pass(half)
	}
	s.gets("conflated A 26", "price 26")
	if st := s.Stats(); st.Throttled+st.Conflated != 26 || st.Throttled == 0 || st.Conflated == 0 {
		t.Errorf("counted %+v", st)
	}
}

// Who refuses conflation is closed when a value would be left out, and not before.
func TestWhoRefusesConflationIsClosedInstead(t *testing.T) {
	s := rated(t, Wants{Whole: true})
	s.Join(s.c, []string{"B"}, Wants{}, line("joined B"))
	s.gets("joined B")
	s.route(1, 2)
	s.Route([]BroadcastEvent{value("B", 1)})
	s.Route([]BroadcastEvent{{Room: "A", Type: "price", Kind: State, Payload: "price 3", Missed: 2}})
	s.gets("price 1", "price 2", "value B 1", "conflated A 2", "price 3") // that was not left out here
	s.Conflate(s.c)
	s.route(4)
	s.Route([]BroadcastEvent{value("B", 2), value("B", 3)})
	if s.c.closing {
		t.Fatal("it is closed though nothing of A is left out")
	}
	s.route(5)
	if b := <-s.c.Queue(); b.Signal == Behind {
		if b = <-s.c.Queue(); b.Signal != CloseWhole {
			t.Errorf("it gets %+v", b)
		}
	} else if b.Signal != CloseWhole {
		t.Errorf("it gets %+v", b)
	}
	s.route(6)
	if st := s.Stats(); st.Refused != 1 || st.Slow != 0 || st.Lagging != 0 || len(s.c.Queue()) != 0 {
		t.Errorf("counted %+v", st)
	}
}

func TestRefusingConflationEnds(t *testing.T) {
	for _, wants := range []Wants{{NoWhole: true}, {Every: time.Millisecond}} {
		s := rated(t, Wants{Whole: true})
		s.join(wants)
		s.Conflate(s.c)
		s.route(1, 2)
		s.pass(half)
		s.gets("joined", "conflated A 1", "price 2")
	}
	s := rated(t, Wants{Whole: true})
	s.Leave(s.c, []string{"A"}, line("left"))
	s.join(Wants{})
	s.Conflate(s.c)
	s.route(1, 2)
	s.gets("left", "joined", "conflated A 1", "price 2")
}

// Run needs one timer, whoever waits, and takes a few turns at a time.
func TestRunTakesWhatIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(withQueue(1 << 20))
		ctx, cancel := context.WithCancel(t.Context())
		go h.Run(ctx)
		defer func() { cancel(); <-h.Done() }()
		const rooms = 3*dueAtATime + 1
		var names []string
		for n := range rooms {
			names = append(names, fmt.Sprint("R", n))
		}
		c := newClient()
		h.Register(c)
		h.Join(c, slices.Clone(names), Wants{Every: half}, line("joined"), goesOn)
		got := func() (n int) {
			synctest.Wait()
			for {
				for len(c.Queue()) > 0 {
					b := <-c.Queue()
					n += strings.Count(text(b), "value ")
				}
				h.Pull(c, Want{})
				synctest.Wait()
				b := <-c.Queue()
				if b.Len() == 0 && b.Signal == NoSignal {
					return n
				}
				n += strings.Count(text(b), "value ")
			}
		}
		for round := range 3 {
			var events []BroadcastEvent
			for _, name := range names {
				events = append(events, value(name, round))
			}
			h.Events() <- events
			synctest.Wait()
		}
		if n := got(); n != rooms {
			t.Errorf("%d came at once, of %d rooms", n, rooms)
		}
		time.Sleep(half - 1)
		if n := got(); n != 0 {
			t.Errorf("%d came before their turn", n)
		}
		time.Sleep(maxTick + 1)
		if n := got(); n != rooms {
			t.Errorf("%d came in their turn, of %d rooms", n, rooms)
		}
	})
}

// A room in which nobody asks for fewer values costs no allocation more, however many do elsewhere.
func TestTurnsElsewhereCostNothing(t *testing.T) {
	s := rated(t, Wants{Every: half})
	c := member(s.Steps, "B")
	events := []BroadcastEvent{value("B", 1)}
	s.Route(events)
	if n := testing.AllocsPerRun(100, func() {
		s.Route(events)
		for range len(c.Queue()) {
			<-c.Queue()
		}
	}); n > 2 {
		t.Errorf("%v allocations", n)
	}
}
