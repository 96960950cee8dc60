package hub

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
)

// names are many rooms.
func names(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("R%d", i))
	}
	return all
}

// meanwhile does what Run does until do has ended, and routes events after each command.
func meanwhile(t *testing.T, h *Hub, do func(), between func(command)) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	for {
		select {
		case cmd := <-h.commands:
			if len(cmd.rooms) > roomsPerStep {
				t.Fatalf("a command is for %d rooms", len(cmd.rooms))
			}
			h.handle(cmd)
			between(cmd)
		case <-done:
			return
		}
	}
}

// A client with many rooms comes, asks and goes by steps, and others get their events in between.
func TestOthersGetEventsWhileAClientJoinsAndLeavesManyRooms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const rooms = 10*roomsPerStep + 1
		h := New(withQueue(100_000))
		other, c := newClient(), newClient()
		h.handle(command{op: opRegister, client: other})
		h.handle(command{op: opRegister, client: c})
		h.joinIn(command{op: opJoin, client: other, rooms: []string{"X"}, reply: line("joined")}, Steps{h}.handle, goesOn)
		<-other.Queue()
		steps := 0
		between := func(command) {
			steps++
			h.turn([]BroadcastEvent{value("X", steps)})
			if got := text(<-other.Queue()); got != fmt.Sprintf("value X %d\n", steps) {
				t.Fatalf("another client got %q", got)
			}
		}
		for _, test := range []struct {
			what string
			do   func() []string
			want int
		}{
			{"join", func() []string { return h.Join(c, names(rooms), Wants{}, line("joined"), goesOn) }, rooms},
			{"join again", func() []string { return h.Join(c, names(rooms), Wants{}, line("joined"), goesOn) }, 0},
			{"among", func() []string { return h.Among(c, append(names(rooms), "Z"), noPause) }, rooms},
			{"unregister", func() []string { return h.Unregister(c, noPause) }, rooms},
		} {
			steps = 0
			var got []string
			meanwhile(t, h, func() { got = test.do() }, between)
			if len(got) != test.want || test.what != "unregister" && !slices.Equal(got, names(test.want)) {
				t.Errorf("%s: %d rooms, want %d", test.what, len(got), test.want)
			}
			if steps != 11 {
				t.Errorf("%s took %d steps, want 11", test.what, steps)
			}
		}
		if len(h.rooms) != 1 {
			t.Errorf("%d rooms are left", len(h.rooms))
		}
	})
}

// What is published in a room while its join is under way comes behind the reply, which comes when
// the client is in all rooms. Then nothing is missing.
func TestTheReplyToALongJoinComesWhenAllRoomsAreJoined(t *testing.T) {
	for _, slow := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			const rooms = 3 * roomsPerStep
			h := New(withQueue(1000))
			c := newClient()
			h.handle(command{op: opRegister, client: c})
			if slow {
				h.handle(command{op: opConflate, client: c, done: make(chan struct{})})
			}
			n, last := 0, 0
			meanwhile(t, h, func() { h.Join(c, names(rooms), Wants{}, line("joined"), goesOn) }, func(cmd command) {
				for range 50 {
					n++
					h.turn([]BroadcastEvent{value("R0", n), value("R250", n)})
				}
				if cmd.more {
					h.handle(command{op: opPull, client: c, want: Want{Slow: slow}}) // a write side may ask at any time
					for len(c.queue) > 0 {
						if b := <-c.queue; b.Len() > 0 || b.Signal != NoSignal {
							t.Fatalf("it got %q and signal %d before it was in all rooms", text(b), b.Signal)
						}
					}
				} else if last == 0 {
					last = n
				}
			})
			got := readAll(t, Steps{h}, c)
			if len(got) == 0 || got[0] != "joined" {
				t.Fatalf("it got first %q", got[:1])
			}
			counts := map[string]int{}
			for _, l := range got[1:] {
				var room string
				var skipped int
				if _, err := fmt.Sscanf(l, "conflated %s %d", &room, &skipped); err == nil {
					counts[room] += skipped
					continue
				}
				fmt.Sscanf(l, "value %s", &room) //nolint:errcheck // seen below
				counts[room]++
			}
			if counts["R0"] != n || counts["R250"] != 50 {
				t.Errorf("got or was told of %v, want %d of R0 and 50 of R250", counts, n)
			}
		})
	}
}

// A join ends early when the client is closed in the middle.
func TestAClientThatIsClosedInTheMiddleOfAJoinGetsWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(withQueue(1000))
		c := newClient()
		h.handle(command{op: opRegister, client: c})
		steps := 0
		var joined, left []string
		meanwhile(t, h, func() {
			joined = h.Join(c, names(3*roomsPerStep), Wants{}, line("joined"), goesOn)
			left = h.Unregister(c, noPause)
		}, func(cmd command) {
			if steps++; steps == 1 {
				h.turn([]BroadcastEvent{value("R0", 1)})
				h.handle(command{op: opCloseAll})
				if got := readAll(t, Steps{h}, c); !slices.Equal(got, []string{"joined", "value R0 1"}) {
					t.Errorf("it got %q before its end", got)
				}
			}
		})
		if len(joined) != roomsPerStep || len(left) != roomsPerStep || len(h.rooms) != 0 {
			t.Errorf("it joined %d rooms and left %d, %d are left", len(joined), len(left), len(h.rooms))
		}
	})
}

// A client whose join is broken off gets nothing of it, and leaves the rooms that it was in already.
func TestAJoinThatIsBrokenOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(withQueue(1000))
		c := newClient()
		h.handle(command{op: opRegister, client: c})
		var joined, left []string
		meanwhile(t, h, func() {
			joined = h.Join(c, names(3*roomsPerStep), Wants{}, line("joined"), func() bool { return false })
		}, func(command) {})
		h.turn([]BroadcastEvent{value("R0", 1)})
		if got := readAll(t, Steps{h}, c); len(got) > 0 {
			t.Errorf("it got %q", got)
		}
		meanwhile(t, h, func() { left = h.Unregister(c, noPause) }, func(command) {})
		if len(joined) != roomsPerStep || len(left) != roomsPerStep || len(h.rooms) != 0 {
			t.Errorf("it joined %d rooms and left %d, %d are left", len(joined), len(left), len(h.rooms))
		}
	})
}

// Leaving one of many rooms needs no search, and the other rooms keep their members.
func TestLeavingSomeOfManyRooms(t *testing.T) {
	s := NewSteps(withQueue(100_000))
	c := newClient()
	s.Register(c)
	s.Join(c, names(50), Wants{}, line("joined"))
	in := names(50)
	for _, i := range []int{0, 48, 20, 20, 0, 44} {
		if len(s.Leave(c, []string{in[i]}, line("left"))) != 1 {
			t.Fatalf("it is not in %s", in[i])
		}
		in = slices.Delete(in, i, i+1)
		for _, room := range in {
			if at, member := s.hub.rooms[room][c]; !member || c.rooms[at] != room {
				t.Fatalf("after leaving some it is not in %s", room)
			}
		}
	}
	if got := s.Unregister(c); len(got) != 44 || s.Stats().Rooms != 0 {
		t.Errorf("it was in %d rooms, and %d are left", len(got), s.Stats().Rooms)
	}
}

func TestSettleRoutesWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(withQueue(100_000))
		c := newClient()
		h.handle(command{op: opRegister, client: c})
		h.joinIn(command{op: opJoin, client: c, rooms: []string{"X"}, reply: line("joined")}, Steps{h}.handle, goesOn)
		for n := range 3 {
			h.events <- []BroadcastEvent{value("X", n)}
		}
		meanwhile(t, h, h.Settle, func(command) {})
		if got := readAll(t, Steps{h}, c); !slices.Equal(got, []string{"joined", "value X 0", "value X 1", "value X 2"}) {
			t.Errorf("it got %q", got)
		}
	})
}
