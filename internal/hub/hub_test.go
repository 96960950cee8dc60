package hub

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unsafe"
)

func value(room string, n int) BroadcastEvent {
	return BroadcastEvent{Room: room, Kind: State, Payload: fmt.Sprintf("value %s %d", room, n)}
}

// member joins rooms and takes the reply.
func member(s Steps, rooms ...string) *Client {
	c := newClient()
	s.Register(c)
	s.Join(c, rooms, Wants{}, line("joined"))
	<-c.Queue()
	return c
}

func text(b Batch) string { return string(b.Append(nil)) }

func TestOneBatchForATurnWhateverItHolds(t *testing.T) {
	s := NewSteps(testOptions())
	c := member(s, "A", "B")
	s.Route([]BroadcastEvent{value("A", 1), value("B", 2), value("A", 3), value("C", 4)})
	if len(c.Queue()) != 1 {
		t.Fatalf("%d batches", len(c.Queue()))
	}
	if got := text(<-c.Queue()); got != "value A 1\nvalue A 3\nvalue B 2\n" {
		t.Errorf("got %q", got)
	}
}

func TestFramesOfARoomAreSharedByItsMembers(t *testing.T) {
	s := NewSteps(testOptions())
	a, b := member(s, "A"), member(s, "A")
	s.Route([]BroadcastEvent{value("A", 1)})
	x, _ := one(<-a.Queue())
	y, _ := one(<-b.Queue())
	if unsafe.SliceData(x) != unsafe.SliceData(y) {
		t.Error("each has a copy")
	}
}

func one(b Batch) ([]byte, bool) { return b.Single() }

// Places in the queue are few; what finds none waits, and is not left out, as long as
// its bytes stay under the limit.
func TestNothingIsLeftOutBelowTheLimit(t *testing.T) {
	opts := testOptions()
	opts.QueueBytes = 64 << 10
	s := NewSteps(opts)
	c := member(s, "A")
	const n = 1000
	for i := range n {
		s.Route([]BroadcastEvent{value("A", i)})
	}
	got := readAll(t, s, c)
	if len(got) != n || s.Stats().Conflated != 0 {
		t.Errorf("%d of %d came, %d were conflated", len(got), n, s.Stats().Conflated)
	}
}

// readAll takes everything that the hub has for c.
func readAll(t *testing.T, s Steps, c *Client) (lines []string) {
	t.Helper()
	more := false
	for {
		if len(c.Queue()) == 0 {
			if !more {
				return lines
			}
			more = false
			s.Pull(c, Want{})
			continue
		}
		b := <-c.Queue()
		more = more || b.More || b.Signal == Behind
		for l := range strings.Lines(text(b)) {
			lines = append(lines, strings.TrimSuffix(l, "\n"))
		}
	}
}

func TestALaggingClientGetsTheCountAndTheNewest(t *testing.T) {
	s := NewSteps(testOptions())
	c := member(s, "A", "B")
	for i := range 500 {
		s.Route([]BroadcastEvent{value("A", i), value("B", i)})
	}
	if s.Stats().Lagging != 1 {
		t.Fatal("it does not lag")
	}
	lines := readAll(t, s, c)
	tail := strings.Join(lines[len(lines)-4:], "\n")
	for _, room := range []string{"A", "B"} {
		if !strings.Contains(tail, "conflated "+room) || !strings.Contains(tail, "value "+room+" 499") {
			t.Errorf("it ends with\n%s", tail)
		}
	}
	if s.Stats().Lagging != 0 {
		t.Error("it lags still")
	}
}

// A warm start is for those who have got no value since they joined, and for each once.
func TestAWarmStartReachesOnlyWhoHasGotNothing(t *testing.T) {
	s := NewSteps(testOptions())
	warm := []BroadcastEvent{{Room: "A", Kind: Warm, Payload: "warm A"}}
	for name, want := range map[string]string{"live": "value A 1", "recovered": "recovered A"} {
		c := member(s, "A")
		if name == "live" {
			s.Route([]BroadcastEvent{value("A", 1)})
		} else {
			s.Route([]BroadcastEvent{{Room: "A", Kind: Recovered, Payload: "recovered A"}})
		}
		fresh := member(s, "A")
		s.Route(warm)
		s.Route(warm)
		if got := strings.Join(readAll(t, s, c), ", "); got != want {
			t.Errorf("%s: who had got a value got %s, want %s", name, got, want)
		}
		if got := strings.Join(readAll(t, s, fresh), ", "); got != "warm A" {
			t.Errorf("%s: who had got nothing got %s, want one warm start", name, got)
		}
		s.Unregister(c)
		s.Unregister(fresh)
	}

	other, again := member(s, "A"), member(s, "A")
	s.Leave(again, []string{"A"}, line("left A"))
	s.Join(again, []string{"A"}, Wants{}, line("joined"))
	s.Route(warm)
	if got := strings.Join(readAll(t, s, again), ", "); got != "left A, joined, warm A" {
		t.Errorf("who left and joined again got %s, want one warm start", got)
	}
	if got := strings.Join(readAll(t, s, other), ", "); got != "warm A" {
		t.Errorf("the other member got %s", got)
	}
}

func TestLeavingWhileLaggingForgetsTheRoom(t *testing.T) {
	s := NewSteps(testOptions())
	c := member(s, "A", "B")
	for i := range 500 {
		s.Route([]BroadcastEvent{value("A", i), value("B", i)})
	}
	s.Leave(c, []string{"A"}, line("left A"))
	lines := readAll(t, s, c)
	if last := lines[len(lines)-1]; last != "left A" {
		t.Errorf("it ends with %q", last)
	}
	for _, l := range lines {
		if l == "value A 499" || strings.HasPrefix(l, "conflated A") {
			t.Errorf("%q came after all", l)
		}
	}
}

func TestCloseAllReachesEveryoneAndWhoComesLater(t *testing.T) {
	s := NewSteps(testOptions())
	early := member(s, "A")
	s.CloseAll()
	late := newClient()
	s.Register(late)
	for name, c := range map[string]*Client{"early": early, "late": late} {
		last := NoSignal
		for len(c.Queue()) > 0 {
			last = (<-c.Queue()).Signal
		}
		if last != CloseDrain {
			t.Errorf("%s: the last signal is %v", name, last)
		}
	}
	if joined := s.Join(late, []string{"A"}, Wants{}, line("joined")); len(joined) > 0 {
		t.Errorf("joined %v while closing", joined)
	}
}

func TestATellAndACloseReachOneClient(t *testing.T) {
	s := NewSteps(testOptions())
	c, other, gone := member(s, "A"), member(s, "A"), member(s, "A")
	s.Unregister(gone)
	readAll(t, s, c)
	readAll(t, s, other)
	s.Route([]BroadcastEvent{value("A", 1)})
	for _, to := range []*Client{c, gone} {
		s.hub.handle(command{op: opTell, client: to, reply: line("go")})
		s.hub.handle(command{op: opClose, client: to})
		s.hub.handle(command{op: opTell, client: to, reply: line("late")})
	}
	s.Route([]BroadcastEvent{value("A", 2)})
	if got := strings.Join(readAll(t, s, c), ","); got != "value A 1,go" {
		t.Errorf("got %s", got)
	}
	if got := strings.Join(readAll(t, s, other), ","); got != "value A 1,value A 2" {
		t.Errorf("the other got %s", got)
	}
	if n := len(gone.Queue()); n != 0 {
		t.Errorf("one that is gone got %d batches", n)
	}
}

func TestASecondJoinChangesTheForm(t *testing.T) {
	s := NewSteps(testOptions())
	c := member(s, "A")
	readAll(t, s, c)
	for i, tt := range []struct {
		wants Wants
		want  string
	}{{Wants{Stamp: true}, stamped("value A 1")}, {Wants{}, stamped("value A 2")}, {Wants{NoStamp: true}, "value A 3"}} {
		if joined := s.Join(c, []string{"A"}, tt.wants, line("joined")); len(joined) > 0 {
			t.Errorf("joined %v, which is in it already", joined)
		}
		s.Route([]BroadcastEvent{value("A", i+1)})
		if got := strings.Join(readAll(t, s, c), ","); got != "joined,"+tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
	}
}

func TestTheBridgesStatusIsToldNowAndLater(t *testing.T) {
	s := NewSteps(testOptions())
	s.Route([]BroadcastEvent{{Kind: Status, Payload: "bridge lost"}})
	c := newClient()
	s.Register(c)
	s.Join(c, []string{"A"}, Wants{Status: true}, line("joined"))
	other := member(s, "A")
	s.Route([]BroadcastEvent{{Kind: Status, Payload: "bridge back"}})
	if got := strings.Join(readAll(t, s, c), ","); got != "joined,bridge lost,bridge back" {
		t.Errorf("got %s", got)
	}
	if got := readAll(t, s, other); len(got) > 0 {
		t.Errorf("one that did not ask got %v", got)
	}
}

func TestRun(t *testing.T) {
	h := New(testOptions())
	ctx, cancel := context.WithCancel(t.Context())
	go h.Run(ctx)
	c := newClient()
	h.Register(c)
	if joined := h.Join(c, []string{"A"}, Wants{}, line("joined A"), goesOn); len(joined) != 1 {
		t.Fatalf("joined %v", joined)
	}
	h.Events() <- []BroadcastEvent{value("A", 1)}
	if got := text(<-c.Queue()) + text(<-c.Queue()); got != "joined A\nvalue A 1\n" {
		t.Errorf("got %q", got)
	}
	if in := h.Among(c, []string{"A", "B"}, noPause); len(in) != 1 {
		t.Errorf("among %v", in)
	}
	if len(h.Leave(c, []string{"A"}, line("left A"))) != 1 || len(h.Leave(c, []string{"A"}, nil)) > 0 {
		t.Error("leaving once did not work, or twice did")
	}
	cancel()
	<-h.Done()
	h.Register(newClient())
	h.Pull(c, Want{})
	h.CloseAll()
	h.Unregister(c, noPause)
	if s := h.Stats(); s != (Stats{}) {
		t.Errorf("stats of a hub that has ended: %+v", s)
	}
}

// What a flush allocates must not grow with the number of members.
func TestAFlushAllocatesTheSameForAnyNumberOfMembers(t *testing.T) {
	allocations := func(members int) float64 {
		s := NewSteps(testOptions())
		var all []*Client
		for range members {
			all = append(all, member(s, "A"))
		}
		events := []BroadcastEvent{value("A", 1)}
		return testing.AllocsPerRun(100, func() {
			s.Route(events)
			for _, c := range all {
				<-c.Queue()
			}
		})
	}
	if few, many := allocations(1), allocations(1000); few != many || few > 3 {
		t.Errorf("%v allocations for one member, %v for 1,000", few, many)
	}
}

// What was sent before a client leaves reaches it: events and commands come through two
// channels, and it may have sent the last event itself.
func TestLeaveComesBehindTheEventsThatWait(t *testing.T) {
	s := NewSteps(testOptions())
	c := member(s, "A")
	s.hub.events <- []BroadcastEvent{value("A", 1)}
	s.Leave(c, []string{"A"}, line("left A"))
	if got := readAll(t, s, c); len(got) < 2 || got[len(got)-2] != "value A 1" || got[len(got)-1] != "left A" {
		t.Errorf("got %q", got)
	}
}

// What waits in the queue of a reader that was found to be slow is older than all else.
func TestConflatingTakesBackTheQueue(t *testing.T) {
	s := NewSteps(testOptions())
	c := member(s, "A", "B")
	for i := range 5 {
		s.Route([]BroadcastEvent{value("A", i), value("B", i)})
	}
	s.Conflate(c)
	s.Route([]BroadcastEvent{value("A", 5)})
	got := readAll(t, s, c)
	want := []string{"joined A", "joined B", "conflated A 5", "value A 5", "conflated B 4", "value B 4"}
	if tail := got[max(0, len(got)-4):]; !slices.Equal(tail, want[2:]) {
		t.Errorf("got %q, want %q", got, want)
	}
	if st := s.Stats(); st.LagsAge != 1 || st.LagsBytes != 0 || st.Lagging != 0 || st.Conflated != 9 {
		t.Errorf("counted %+v", st)
	}
}

// It gets what comes as the newest of its room, also if it had everything before.
func TestASlowReaderLagsWhileNothingWaits(t *testing.T) {
	s := NewSteps(testOptions())
	c := member(s, "A")
	s.Conflate(c)
	slow := func() (lines string) {
		for {
			s.Pull(c, Want{Slow: true})
			b := <-c.Queue()
			for b.Signal == Behind {
				b = <-c.Queue()
			}
			if lines += text(b); !b.More {
				return lines
			}
		}
	}
	slow() // all that was there
	for i := range 10 {
		s.Route([]BroadcastEvent{value("A", i)})
	}
	if b := <-c.Queue(); b.Signal != Behind || len(c.Queue()) > 0 {
		t.Errorf("the queue has %+v and %d more", b, len(c.Queue()))
	}
	if got := slow(); got != "conflated A 9\nvalue A 9\n" {
		t.Errorf("got %q", got)
	}
	s.Pull(c, Want{}) // it keeps up again
	<-c.Queue()
	s.Route([]BroadcastEvent{value("A", 10)})
	if got := text(<-c.Queue()); got != "value A 10\n" || s.Stats().Lagging != 0 {
		t.Errorf("got %q, %d lag", got, s.Stats().Lagging)
	}
}
