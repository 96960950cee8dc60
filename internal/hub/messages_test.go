package hub

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func message(room string, n int) BroadcastEvent {
	return BroadcastEvent{Room: room, Kind: Message, Payload: fmt.Sprintf("message %s %d", room, n)}
}

// A member that does not read keeps its connection and its prices, whatever the others say. Past the
// bounds it loses messages, and is told how many in their place. Of those that come later, once
// it reads, none is lost.
func TestMessagesForALaggingClientAreBounded(t *testing.T) {
	for name, limit := range map[string]struct{ queueBytes, messages int }{
		"number": {1 << 20, maxMessages},
		"bytes":  {750, 50},
	} {
		t.Run(name, func(t *testing.T) {
			s := NewSteps(withQueue(limit.queueBytes))
			c := slow(s, "A", "B")
			readAll(t, s, c)
			s.Conflate(c)
			const more = 100
			for n := range limit.messages + more {
				s.Route([]BroadcastEvent{message("A", n+1000), value("B", n)})
			}
			s.Route([]BroadcastEvent{message("B", 1)})
			got := readAll(t, s, c)
			values := []string{fmt.Sprintf("conflated B %d", limit.messages+more-1), fmt.Sprintf("value B %d", limit.messages+more-1)}
			if !slices.Equal(got[:2], values) {
				t.Errorf("it got first %q", got[:2])
			}
			want := []string{fmt.Sprintf("message A %d", 1000+limit.messages-1), fmt.Sprintf("lost A %d", more), "lost B 1"}
			if len(got) != 2+limit.messages+2 || !slices.Equal(got[len(got)-3:], want) {
				t.Errorf("it got %d lines, and at the end %q, want %q", len(got), got[len(got)-3:], want)
			}
			if st := s.Stats(); st.Slow != 0 || st.Lost != more+1 || st.Lagging != 0 {
				t.Errorf("counted %+v", st)
			}
			s.Route([]BroadcastEvent{message("A", 7)})
			if got := readAll(t, s, c); !slices.Equal(got, []string{"message A 7"}) {
				t.Errorf("once it had read it got %q", got)
			}
		})
	}
}

// A burst of messages is one segment. Of it a client gets what fits.
func TestOfABurstOfMessagesSomeFit(t *testing.T) {
	s := NewSteps(withQueue(600))
	c := slow(s, "A")
	readAll(t, s, c)
	s.Conflate(c)
	var burst []BroadcastEvent
	for n := range 25 {
		burst = append(burst, message("A", n+10)) // 13 bytes each
	}
	s.Route(burst[:24])
	s.Route(burst)
	if got, want := pulled(t, s, c, Want{Limit: 30, Slow: true}), 26; got != want {
		t.Errorf("a pull of 30 bytes brought %d", got)
	}
	s.Conflate(c) // what was pulled was taken, what was not is there
	got := readAll(t, s, c)
	if len(got) != 46-2+1 || got[0] != "message A 12" || got[len(got)-1] != "lost A 3" {
		t.Errorf("it got %d lines, %q", len(got), got)
	}
}

// What waits in the queue of a reader that turns out to be slow is taken back: prices come first
// from then on, and the order of messages stays.
func TestMessagesInTheQueueAreTakenBack(t *testing.T) {
	s := NewSteps(withQueue(600))
	c := member(s, "A")
	s.Route([]BroadcastEvent{message("A", 1), {Room: "A", Kind: Lost, Missed: 5}, message("A", 2)})
	s.Route([]BroadcastEvent{value("A", 1)})
	s.Conflate(c)
	s.Route([]BroadcastEvent{message("A", 3), {Room: "A", Kind: Lost, Missed: 2}})
	s.Conflate(c)
	want := []string{"value A 1", "message A 1", "lost A 5", "message A 2", "message A 3", "lost A 2"}
	if got := readAll(t, s, c); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if n := s.Stats().Lost; n != 0 {
		t.Errorf("%d are counted as lost here", n)
	}
}

// A message that alone would make what follows old is lost for a slow reader, and for nobody else.
func TestALongMessageIsLostForASlowReader(t *testing.T) {
	s := NewSteps(withQueue(6000))
	c, prompt := slow(s, "A"), member(s, "A")
	readAll(t, s, c)
	s.Conflate(c)
	long := BroadcastEvent{Room: "A", Kind: Message, Payload: strings.Repeat("x", 100)}
	s.Route([]BroadcastEvent{message("A", 1), long, long, message("A", 2), long})
	pull := func(want Want) string {
		take(c)
		s.Pull(c, want)
		return text(<-c.Queue())
	}
	if got := pull(Want{Slow: true, Longest: 100}); got != "message A 1\nlost A 2\nmessage A 2\nlost A 1\n" {
		t.Errorf("a slow reader got %q", got)
	}
	s.Route([]BroadcastEvent{long})
	if got := pull(Want{Longest: 100}); len(got) != 101 {
		t.Errorf("one that keeps up again got %q", got)
	}
	if got := readAll(t, s, prompt); len(got) != 6 {
		t.Errorf("another member got %d messages", len(got))
	}
}

// Who leaves a room is told before what it did not get.
func TestWhoLeavesIsToldOfLostMessages(t *testing.T) {
	s := NewSteps(withQueue(6000))
	c := slow(s, "A", "B")
	readAll(t, s, c)
	s.Conflate(c)
	s.Route([]BroadcastEvent{message("A", 1), message("B", 1), {Room: "A", Kind: Lost, Missed: 4}, message("A", 2)})
	s.Leave(c, []string{"A"}, line("left A"))
	if got, want := readAll(t, s, c), []string{"lost A 6", "left A", "message B 1"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if n := s.Stats().Lost; n != 2 {
		t.Errorf("%d are counted as lost", n)
	}
}

// Who leaves several rooms at once gets one reply, behind what was lost in each of them, and nothing more of
// any of them.
func TestLeavingSeveralRoomsAtOnce(t *testing.T) {
	s := NewSteps(withQueue(6000))
	c := slow(s, "A", "B", "C", "D")
	readAll(t, s, c)
	s.Conflate(c)
	s.Route([]BroadcastEvent{message("A", 1), digit("A", 1), digit("B", 1), message("C", 1), {Room: "C", Kind: Lost, Missed: 4}, digit("C", 1), digit("D", 1)})
	if left := s.Leave(c, []string{"A", "none", "B", "C"}, line("left them")); !slices.Equal(left, []string{"A", "B", "C"}) {
		t.Errorf("left %q", left)
	}
	if len(s.Leave(c, []string{"A", "none", "B"}, line("not told"))) > 0 {
		t.Error("left twice")
	}
	if got, want := readAll(t, s, c), []string{"value D 1", "lost A 1", "lost C 5", "left them"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	s.Route([]BroadcastEvent{digit("A", 2), digit("B", 2), digit("C", 2), digit("D", 2)})
	if got, want := readAll(t, s, c), []string{"value D 2"}; !slices.Equal(got, want) {
		t.Errorf("then it got %q, want %q", got, want)
	}
}

// What a pull brought of others' messages does not add to what may wait of the client's own replies.
func TestMessagesAddNothingToReplies(t *testing.T) {
	s := NewSteps(withQueue(600))
	c := slow(s, "A")
	readAll(t, s, c)
	s.Conflate(c)
	for n := range 60 {
		s.Route([]BroadcastEvent{message("A", n+10)})
	}
	take(c)
	s.Pull(c, Want{Slow: true})
	for range 6 {
		s.Join(c, []string{"A"}, Wants{}, line("%s", strings.Repeat("x", 99)))
	}
	s.Conflate(c) // takes back what was pulled
	if n := s.Stats().Slow; n != 0 {
		t.Error("closed with 600 bytes of replies")
	}
	if got := readAll(t, s, c); len(got) != 6+46+1 || got[0] != "message A 10" || got[len(got)-1] != "lost A 14" {
		t.Errorf("it got %d lines, %q", len(got), got)
	}
}
