package hub

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// digit is a value of ten bytes, framed.
func digit(room string, n int) BroadcastEvent { return value(room, n%10) }

// take empties c's queue and returns the sizes of its batches, and its signals.
func take(c *Client) (sizes []int, signals []Signal) {
	for len(c.Queue()) > 0 {
		if b := <-c.Queue(); b.Signal != NoSignal {
			signals = append(signals, b.Signal)
		} else {
			sizes = append(sizes, b.Len())
		}
	}
	return sizes, signals
}

// pulled is the size of the batch that a pull brings.
func pulled(t *testing.T, s Steps, c *Client, want Want) int {
	t.Helper()
	take(c)
	s.Pull(c, want)
	sizes, signals := take(c)
	if len(sizes) != 1 || len(signals) > 0 {
		t.Fatalf("a pull brought batches of %v and the signals %v", sizes, signals)
	}
	return sizes[0]
}

// slow is a member of rooms whose reader was found to be slow.
func slow(s Steps, rooms ...string) *Client {
	c := member(s, rooms...)
	s.Conflate(c)
	return c
}

// A client lags when its unsent bytes pass the limit, not when they reach it.
func TestAClientLagsBeyondTheLimit(t *testing.T) {
	s := NewSteps(withQueue(600))
	c := member(s, "A")
	for n := range 60 {
		s.Route([]BroadcastEvent{digit("A", n)})
	}
	if got := s.Stats(); got.Lagging != 0 || got.LagsBytes != 0 {
		t.Errorf("with 600 bytes of 600 unsent: %+v", got)
	}
	s.Route([]BroadcastEvent{digit("A", 60)})
	if got := s.Stats(); got.Lagging != 1 || got.LagsBytes != 1 || got.LagsAge != 0 {
		t.Errorf("with 610 bytes of 600 unsent: %+v", got)
	}
	if sizes, signals := take(c); len(sizes) != queuePlaces || !slices.Equal(signals, []Signal{Behind}) {
		t.Errorf("its queue has batches of %v and the signals %v", sizes, signals)
	}
}

// What is held comes in batches of as many frames as one write takes, or one frame by one.
func TestHeldFramesComeInBatchesOfOneWrite(t *testing.T) {
	for frame, want := range map[int][]int{
		MaxWrite / 4:     {4, 4, 1},
		MaxWrite/4 + 1:   {3, 3, 3},
		MaxWrite/2 - 100: {2, 2, 2, 2, 1},
		MaxWrite + 1:     {1, 1, 1, 1, 1, 1},
	} {
		s := NewSteps(withQueue(2 << 20))
		c := member(s, "A")
		for range queuePlaces + 9 {
			s.Route([]BroadcastEvent{{Room: "A", Kind: State, Payload: strings.Repeat("x", frame-1)}})
		}
		take(c)
		s.Pull(c, Want{})
		sizes, _ := take(c)
		for i := range sizes {
			sizes[i] /= frame
		}
		if !slices.Equal(sizes, want) {
			t.Errorf("frames of %d bytes came in batches of %v, want %v", frame, sizes, want)
		}
	}
}

// Many events at once are not one large batch: a turn ends once its payloads reach half of the limit,
// where some members get stamps together with what those take.
func TestALargeTurnEndsEarly(t *testing.T) {
	for _, stamp := range []bool{false, true} {
		s := NewSteps(withQueue(2000))
		c := member(s, "A", "B")
		if stamp {
			s.Join(newClient(), []string{"A", "B"}, Wants{Stamp: true}, nil)
		}
		payload := 100 // ten make a turn
		if stamp {
			payload -= stampBytes
		}
		var events []BroadcastEvent
		for n := range 15 {
			events = append(events, BroadcastEvent{Room: "AB"[n%2:][:1], Kind: Message, Payload: strings.Repeat("x", payload)})
		}
		s.Route(events)
		sizes, _ := take(c)
		for i := range sizes {
			sizes[i] /= payload + 1
		}
		if want := []int{10, 5}; !slices.Equal(sizes, want) {
			t.Errorf("stamps %t: 15 events came in batches of %v, want %v", stamp, sizes, want)
		}
	}
}

// What a turn holds of one kind of one room is one piece of memory, and counts as one message.
func TestEventsOfATurnAreOneSegment(t *testing.T) {
	for _, kind := range []Kind{State, Message} {
		s := NewSteps(testOptions())
		c := member(s, "A")
		e := BroadcastEvent{Room: "A", Kind: kind, Payload: "x"}
		s.Route([]BroadcastEvent{e, e, e})
		if data, ok := one(<-c.Queue()); !ok || string(data) != "x\nx\nx\n" {
			t.Errorf("of kind %d came %q, in one piece %t", kind, data, ok)
		}
	}
}

// A slow reader gets as many frames as fit into what it wants, at least one, and everything that
// a pull can bring if it does not say.
func TestAPullBringsWhatFits(t *testing.T) {
	s := NewSteps(withQueue(600))
	var rooms []string
	var events []BroadcastEvent
	for n := range 9 {
		room := string(rune('A' + n))
		rooms, events = append(rooms, room), append(events, digit(room, n))
	}
	c := slow(s, rooms...)
	s.Route(events)
	for _, step := range []struct{ limit, want int }{{30, 30}, {29, 20}, {1, 10}, {0, 30}} {
		if got := pulled(t, s, c, Want{Limit: step.limit, Slow: true}); got != step.want {
			t.Errorf("it wanted %d bytes and got %d, want %d", step.limit, got, step.want)
		}
	}
}

// A client is closed when more replies wait for it than the limits say, not before. One long
// reply is no reason: the client asked for it.
func TestRepliesMayWaitUpToTheirLimits(t *testing.T) {
	for name, limit := range map[string]struct{ queueBytes, replies int }{
		"number": {1 << 20, maxFixedFrames},
		"bytes":  {600, 60},
	} {
		s := NewSteps(withQueue(limit.queueBytes))
		c := slow(s, "A")
		readAll(t, s, c)
		s.Conflate(c)
		for range limit.replies {
			s.Join(c, []string{"A"}, Wants{}, line("a reply A"))
		}
		if n := s.Stats().Slow; n != 0 {
			t.Errorf("%s: closed with %d replies", name, limit.replies)
		}
		s.Join(c, []string{"A"}, Wants{}, line("a reply A"))
		if n := s.Stats().Slow; n != 1 {
			t.Errorf("%s: not closed with one more than %d replies", name, limit.replies)
		}
	}

	s := NewSteps(withQueue(600))
	c := slow(s, "A")
	s.Join(c, []string{"B"}, Wants{}, line("joined %s", strings.Repeat("x", 1000)))
	if n := s.Stats().Slow; n != 0 {
		t.Error("closed because of a long reply")
	}
	if got, want := pulled(t, s, c, Want{Slow: true}), len(fmt.Sprintln("joined", strings.Repeat("x", 1000))); got != want {
		t.Errorf("it got %d bytes of a reply of %d", got, want)
	}
}

// What piles up while a client enters many rooms it could not read, so it has time to. Then it is a
// client like any other.
func TestALongJoinMakesNobodySlow(t *testing.T) {
	for name, limit := range map[string]struct{ queueBytes, frames int }{
		"number": {1 << 20, maxFixedFrames},
		"bytes":  {600, 60},
	} {
		t.Run(name, func(t *testing.T) {
			s := NewSteps(withQueue(limit.queueBytes))
			next := 0
			send := func(n int) { // that rooms have no value, which each of them says once
				for range n {
					s.Route([]BroadcastEvent{{Room: fmt.Sprint("R", next), Kind: Absent, Payload: "no value "}})
					next++
				}
			}
			enters := func() *Client {
				c := newClient()
				s.Register(c)
				s.Join(c, names((joinTimes+2)*limit.frames), Wants{Absent: true}, line("joined"))
				next = 0
				readAll(t, s, c)
				s.Conflate(c)
				s.JoinPart(c, []string{"B"}, Wants{}, line("a reply"), true) // of 8 bytes
				return c
			}
			c := enters()
			send(joinTimes*limit.frames - 1)
			if n := s.Stats().Slow; n != 0 {
				t.Fatal("closed while it could not read")
			}
			s.JoinPart(c, []string{"C"}, Wants{}, line("a reply"), false)
			if n := s.Stats().Slow; n != 0 {
				t.Fatal("closed before it could read")
			}
			got := ""
			take(c)
			for more := true; more; { // its reader stays slow, so it lags on
				s.Pull(c, Want{Slow: true})
				b := <-c.Queue()
				got, more = got+text(b), b.More
			}
			if strings.Count(got, "\n") != joinTimes*limit.frames || !strings.HasPrefix(got, "a reply\n") {
				t.Errorf("it got %.20q and %d frames", got, strings.Count(got, "\n"))
			}
			send(limit.frames)
			if n := s.Stats().Slow; n != 0 {
				t.Fatal("closed before the bound")
			}
			send(1)
			if n := s.Stats().Slow; n != 1 {
				t.Error("not closed beyond the ordinary bound")
			}
			s.Unregister(c)
			enters()
			send(joinTimes * limit.frames)
			if n := s.Stats().Slow; n != 2 {
				t.Error("not closed beyond the bound of a join")
			}
		})
	}
}

// Who leaves a room while it lags hears nothing more of it: no value, and no status either.
func TestTheStatusOfARoomThatWasLeftIsForgotten(t *testing.T) {
	s := NewSteps(testOptions())
	c := newClient()
	s.Register(c)
	s.Join(c, []string{"A"}, Wants{Status: true}, line("joined"))
	take(c)
	s.Conflate(c)
	s.Route([]BroadcastEvent{digit("A", 1), {Room: "A", Kind: StatusNow, Payload: "silent A"}, {Room: "A", Kind: Status, Payload: "live A"}})
	s.Leave(c, []string{"A"}, line("left A"))
	if got := readAll(t, s, c); !slices.Equal(got, []string{"left A"}) {
		t.Errorf("after it left it got %q", got)
	}
}

// Clients that come and go are not kept by a room's lists of those that miss a value, whichever of its
// values is new. Who stays gets the snapshot once.
func TestClientsThatLeftAreNotKept(t *testing.T) {
	s := NewSteps(withQueue(1 << 20))
	const members = 4
	for range members - 1 {
		member(s, "A")
	}
	book := BroadcastEvent{Room: "A", Type: "book", Kind: State, Payload: "book"}
	s.Route([]BroadcastEvent{digit("A", 1), book})
	stays := member(s, "A")
	for n := range 200 {
		c := member(s, "A")
		s.Leave(c, []string{"A"}, nil)
		s.Route([]BroadcastEvent{digit("A", n)})
		for _, v := range s.hub.traffic["A"].values {
			if len(v.missing) > 2*members+8 {
				t.Fatalf("%d clients are listed, the room has %d", len(v.missing), members)
			}
		}
	}
	readAll(t, s, stays)
	book.Kind, book.Payload = Warm, "snapshot"
	s.Route([]BroadcastEvent{book})
	if got := readAll(t, s, stays); !slices.Equal(got, []string{"snapshot"}) {
		t.Errorf("who stayed got %q", got)
	}
	if len(s.Leave(stays, []string{"B"}, nil)) > 0 || len(s.Leave(stays, []string{"A"}, nil)) == 0 || len(s.Leave(stays, []string{"A"}, nil)) > 0 {
		t.Error("leaving does not tell whether the client was a member")
	}
}
