package client

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"backbone/protocol"
)

// rejoining is a consumer of the rooms R and S and of the prefixes A and B, whose connection was lost. It has the
// next one, whose joins it has sent and not had answered.
type rejoining struct {
	*peer
	c *Conn
	s *server
}

func newRejoining(t *testing.T) *rejoining {
	t.Helper()
	return newRejoiningWith(t, JoinOptions{})
}

// newRejoiningWith has joined the rooms, and not the prefixes, with these options.
func newRejoiningWith(t *testing.T, opt JoinOptions) *rejoining {
	t.Helper()
	s := newPipeServer(t)
	c, p := s.consumer(ConnOptions{})
	r := &rejoining{p, c, s}
	async(t, func() { r.accept("R,S"); r.accept("A*"); r.accept("B*") })
	if err := errors.Join(c.JoinWith(patient(t), opt, "R", "S"), c.JoinPrefix(patient(t), "A"), c.JoinPrefix(patient(t), "B")); err != nil {
		t.Fatal(err)
	}
	expectEvent(t, c, Joined{Prefix: "A", Rooms: []string{"A1"}})
	expectEvent(t, c, Joined{Prefix: "B", Rooms: []string{"B1"}})
	p.kill()
	expectDisconnected(t, c)
	r.peer = s.accept()
	expectEvent(t, c, Connected{})
	return r
}

// joins returns the id of the join that comes, which must be of these rooms or of this prefix.
func (r *rejoining) joins(want string) string {
	r.t.Helper()
	m := r.expect(protocol.TypeJoin)
	got := strings.Join(m.Rooms, ",")
	if m.Prefix != nil {
		got = *m.Prefix + "*"
	}
	if got != want {
		r.t.Fatalf("joined %s, want %s", got, want)
	}
	return m.ID
}

func (r *rejoining) accept(want string) {
	r.t.Helper()
	r.acceptID(want, r.joins(want))
}

func (r *rejoining) acceptID(want, id string) {
	r.t.Helper()
	m := protocol.ServerMessage{Type: protocol.TypeJoined, ID: id, Rooms: strings.Split(want, ",")}
	if prefix, of := strings.CutSuffix(want, "*"); of {
		m.Prefix, m.Rooms = &prefix, []string{prefix + "1"}
	}
	r.answer(m)
}

func (r *rejoining) refuse(wants ...string) {
	r.t.Helper()
	for _, want := range wants {
		r.refuseID(r.joins(want), protocol.CodeRateLimited)
	}
}

func (r *rejoining) refuseID(id string, code Code) {
	r.t.Helper()
	r.answer(protocol.ServerMessage{Type: protocol.TypeError, ID: id, Code: code, Message: "says the server"})
}

// leaves has the program leave a room.
func (r *rejoining) leaves(room string) chan error {
	answered := make(chan error, 1)
	async(r.t, func() { answered <- r.c.Leave(patient(r.t), room) })
	return answered
}

// after checks how long something took that pauses of these bounds make up.
func after(t *testing.T, begun time.Time, least, most time.Duration) {
	t.Helper()
	if d := time.Since(begun); d < least || d > most {
		t.Errorf("it took %v, want %v to %v", d, least, most)
	}
}

func (r *rejoining) in(want ...string) {
	r.t.Helper()
	if in := r.c.Rooms(); !slices.Equal(in, want) {
		r.t.Errorf("in %q, want %q", in, want)
	}
}

// What the server refuses because it came too soon is joined a while later, one after the other.
func TestWhatIsRejoinedTooSoonIsRejoinedLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRejoining(t)
		begun := time.Now()
		r.refuse("R,S", "A*", "B*")
		r.refuse("R,S") // after a second or two
		r.refuse("A*")  // after twice that
		r.accept("B*")  // and again
		after(t, begun, 7*time.Second, 14*time.Second)
		begun = time.Now()
		r.accept("R,S") // at once behind it
		after(t, begun, 0, 0)
		r.refuse("A*")
		r.accept("A*") // after a second or two
		expectEvent(t, r.c, Rejoined{Rooms: []string{"A1", "B1", "R", "S"}})
		after(t, begun, time.Second, 2*time.Second)
		r.in("A1", "B1", "R", "S")
	})
}

// A server that never takes a join is asked more and more rarely, and in the end every 15 to 30 s.
func TestARejoinThatIsNeverTakenIsSentMoreRarely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRejoining(t)
		begun := time.Now()
		r.refuse("R,S", "A*", "B*")
		for i := range 20 {
			r.refuseID(r.expect(protocol.TypeJoin).ID, protocol.CodeRateLimited)
			most := min(2*time.Second<<i, 30*time.Second)
			after(t, begun, most/2, most)
			begun = time.Now()
		}
	})
}

// What is left while it waits to be joined again is not joined again.
func TestWhatWaitsToBeRejoinedCanBeLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRejoining(t)
		r.refuse("R,S", "A*", "B*")
		async(t, func() { r.refuseID(r.expect(protocol.TypeLeave).ID, protocol.CodeNotJoined) })
		if err := r.c.Leave(patient(t), "R"); err != nil {
			t.Error(err)
		}
		r.in("A1", "B1", "S")
		async(t, func() { r.refuseID(r.expect(protocol.TypeLeave).ID, protocol.CodeNotJoined) })
		if err := r.c.LeavePrefix(patient(t), "A"); err != nil {
			t.Error(err)
		}
		r.in("B1", "S")
		r.refuse("S")
		r.accept("B*")
		r.refuse("S")
		async(t, func() { r.refuseID(r.expect(protocol.TypeLeave).ID, protocol.CodeNotJoined) })
		if err := r.c.Leave(patient(t), "S"); err != nil {
			t.Error(err)
		}
		expectEvent(t, r.c, Rejoined{Rooms: []string{"B1"}})
		r.in("B1")
		async(t, func() { r.refuseID(r.expect(protocol.TypeLeave).ID, protocol.CodeNotJoined) })
		if refused, ok := errors.AsType[*RequestError](r.c.Leave(patient(t), "S")); !ok || refused.Code != CodeNotJoined {
			t.Errorf("left twice: %v", refused)
		}
	})
}

// A leave that comes before a join that was on its way is sent again behind that.
func TestWhatIsJustRejoinedCanBeLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRejoining(t)
		r.refuse("R,S", "A*", "B*")
		left := r.leaves("R")
		leave := r.expect(protocol.TypeLeave).ID
		join := r.joins("R,S") // written before the answer to the leave comes
		r.refuseID(leave, protocol.CodeNotJoined)
		r.acceptID("R,S", join)
		r.answer(protocol.ServerMessage{Type: protocol.TypeLeft, ID: r.expect(protocol.TypeLeave).ID, Room: "R"})
		if err := <-left; err != nil {
			t.Error(err)
		}
		r.refuse("A*")
		r.in("A1", "B1", "S")

		r.accept("B*")
		r.refuse("A*")
		async(t, func() { left <- r.c.LeavePrefix(patient(t), "A") })
		leave = r.expect(protocol.TypeLeave).ID
		join = r.joins("A*")
		r.refuseID(leave, protocol.CodeNotJoined)
		r.refuseID(join, protocol.CodeRateLimited)
		r.refuseID(r.expect(protocol.TypeLeave).ID, protocol.CodeNotJoined)
		if err := <-left; err != nil {
			t.Error(err)
		}
		expectEvent(t, r.c, Rejoined{Rooms: []string{"B1", "S"}})
		r.in("B1", "S")
	})
}

// Its answer can overtake that to the join. It is not sent a third time.
func TestWhatIsJustRejoinedIsLeftOnceMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRejoining(t)
		r.refuse("R,S", "A*", "B*")
		left := r.leaves("R")
		leave := r.expect(protocol.TypeLeave).ID
		join := r.joins("R,S")
		r.refuseID(leave, protocol.CodeNotJoined)
		r.refuseID(r.expect(protocol.TypeLeave).ID, protocol.CodeNotJoined)
		synctest.Wait()
		select {
		case err := <-left:
			if err != nil {
				t.Error(err)
			}
		default:
			t.Error("the leave goes on")
		}
		no := []protocol.Rejected{{Room: "R", Code: protocol.CodeTooManyRooms}}
		r.answer(protocol.ServerMessage{Type: protocol.TypeJoined, ID: join, Rooms: []string{"S"}, Rejected: no})
		r.accept("A*")
		r.accept("B*")
		expectEvent(t, r.c, Rejoined{Rooms: []string{"A1", "B1", "S"}, Rejected: []Rejected{{Room: "R", Code: protocol.CodeTooManyRooms}}})
		r.in("A1", "B1", "S")
	})
}

// It is sent again behind each join that is.
func TestWhatIsRejoinedOnceMoreIsLeftOnceMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRejoining(t)
		r.refuse("R,S", "A*", "B*")
		left := r.leaves("R")
		leave := r.expect(protocol.TypeLeave).ID
		join := r.joins("R,S")
		r.refuseID(leave, protocol.CodeNotJoined)
		leave = r.expect(protocol.TypeLeave).ID
		r.refuseID(join, protocol.CodeRateLimited)
		r.refuse("A*")
		r.accept("B*")
		join = r.joins("R,S")
		r.refuseID(leave, protocol.CodeNotJoined) // late
		leave = r.expect(protocol.TypeLeave).ID
		r.acceptID("R,S", join)
		r.answer(protocol.ServerMessage{Type: protocol.TypeLeft, ID: leave, Room: "R"})
		if err := <-left; err != nil {
			t.Error(err)
		}
		r.accept("A*")
		expectEvent(t, r.c, Rejoined{Rooms: []string{"A1", "B1", "S"}})
		r.in("A1", "B1", "S")
	})
}

// A room of a prefix that waits is left until the prefix is joined.
func TestARoomOfAPrefixThatWaitsCanBeLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRejoining(t)
		r.refuse("R,S", "A*", "B*")
		leave := func() error {
			async(t, func() { r.refuseID(r.expect(protocol.TypeLeave).ID, protocol.CodeNotJoined) })
			return r.c.Leave(patient(t), "A1")
		}
		if err := leave(); err != nil {
			t.Error(err)
		}
		r.in("B1", "R", "S")
		if refused, ok := errors.AsType[*RequestError](leave()); !ok || refused.Code != CodeNotJoined {
			t.Errorf("left twice: %v", refused)
		}
		r.accept("R,S")
		r.accept("A*")
		expectEvent(t, r.c, Joined{Prefix: "A", Rooms: []string{"A1"}})
		id := r.joins("B*")
		left := r.leaves("B1")
		r.refuseID(r.expect(protocol.TypeLeave).ID, protocol.CodeNotJoined) // so it was not told behind the join
		r.acceptID("B*", id)
		r.answer(protocol.ServerMessage{Type: protocol.TypeLeft, ID: r.expect(protocol.TypeLeave).ID, Room: "B1"})
		if err := <-left; err != nil {
			t.Error(err)
		}
		expectEvent(t, r.c, Rejoined{Rooms: []string{"A1", "B1", "R", "S"}})
		r.in("A1", "R", "S")
	})
}

// A leave of a room whose prefix is to be joined soon does not wait for that.
func TestARoomOfThePrefixThatIsNextCanBeLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRejoining(t)
		r.accept("R,S")
		r.refuse("A*")
		r.accept("B*")
		async(t, func() { r.refuseID(r.expect(protocol.TypeLeave).ID, protocol.CodeNotJoined) })
		if err := r.c.Leave(patient(t), "A1"); err != nil {
			t.Error(err)
		}
		r.in("B1", "R", "S")
		r.accept("A*")
		expectEvent(t, r.c, Joined{Prefix: "A", Rooms: []string{"A1"}})
		expectEvent(t, r.c, Rejoined{Rooms: []string{"A1", "B1", "R", "S"}})
	})
}

// newNested is a consumer of the room A1, with a status, and of the prefixes A, A1 and B, as newRejoining is.
func newNested(t *testing.T) *rejoining {
	t.Helper()
	s := newPipeServer(t)
	c, p := s.consumer(ConnOptions{})
	r := &rejoining{p, c, s}
	async(t, func() { r.accept("A1"); r.accept("A1*"); r.accept("A*"); r.accept("B*") })
	err := c.JoinWith(patient(t), JoinOptions{Status: true}, "A1")
	for _, prefix := range []string{"A1", "A", "B"} {
		err = errors.Join(err, c.JoinPrefix(patient(t), prefix))
	}
	if err != nil {
		t.Fatal(err)
	}
	expectEvent(t, c, Joined{Prefix: "A1", Rooms: []string{"A11"}})
	expectEvent(t, c, Joined{Prefix: "B", Rooms: []string{"B1"}})
	p.kill()
	expectDisconnected(t, c)
	r.peer = s.accept()
	expectEvent(t, c, Connected{})
	return r
}

// A second join of a room leaves its status as it is. So a room is joined again by its name before a prefix that has
// it, and a longer prefix before a shorter one, also if some have to wait.
func TestAPrefixIsRejoinedBehindItsRooms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newNested(t)
		first := r.expect(protocol.TypeJoin)
		if !first.Status || !slices.Equal(first.Rooms, []string{"A1"}) {
			t.Errorf("joined %+v first", first)
		}
		begun := time.Now()
		r.accept("B*") // has none of them
		r.refuseID(first.ID, protocol.CodeRateLimited)
		r.refuse("A1")
		r.accept("A1")
		after(t, begun, 3*time.Second, 6*time.Second)
		begun = time.Now()
		r.refuse("A1*")
		r.accept("A1*")
		after(t, begun, time.Second, 2*time.Second)
		r.accept("A*")
		expectEvent(t, r.c, Rejoined{Rooms: []string{"A1", "A11", "B1"}})
		after(t, begun, time.Second, 2*time.Second)
		r.in("A1", "A11", "B1")
	})
}

// Nor does a prefix that the program joins meanwhile come before them.
func TestAPrefixIsJoinedBehindWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRejoiningWith(t, JoinOptions{Status: true})
		prefix, joined, left := "R", make(chan error, 1), make(chan error, 1)
		async(t, func() { joined <- r.c.JoinPrefix(patient(t), prefix) })
		synctest.Wait()
		r.refuse("R,S")
		r.accept("A*")
		r.accept("B*")
		async(t, func() { left <- r.c.Leave(patient(t), "S") }) // waits for nothing
		r.refuseID(r.expect(protocol.TypeLeave).ID, protocol.CodeNotJoined)
		if err := <-left; err != nil {
			t.Error(err)
		}
		r.accept("R")
		expectEvent(t, r.c, Rejoined{Rooms: []string{"A1", "B1", "R"}})
		r.answer(protocol.ServerMessage{Type: protocol.TypeJoined, ID: r.joins("R*"), Prefix: &prefix, Rooms: []string{"R"}})
		if err := <-joined; err != nil {
			t.Error(err)
		}
		r.in("A1", "B1", "R")
	})
}

// What is written holds nothing back for a prefix that is kept.
func TestAPrefixThatIsBehindDelaysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRejoiningWith(t, JoinOptions{Status: true})
		r.kill()
		expectDisconnected(t, r.c)
		async(t, func() { _ = r.c.Leave(patient(t), "S") })
		synctest.Wait()
		async(t, func() { _ = r.c.JoinPrefix(patient(t), "C") })
		synctest.Wait()
		r.peer = r.s.accept()
		expectEvent(t, r.c, Connected{})
		begun := time.Now()
		r.refuseID(r.joins("R,S"), protocol.CodeUnknownField)
		for _, prefix := range []string{"A*", "B*", "C*"} {
			r.accept(prefix)
		}
		for asked := map[string]bool{}; len(asked) < 2; { // both may come first
			m := r.read()
			asked[m.Type] = true
		}
		after(t, begun, 0, 0)
	})
}

// A prefix that waits for them is left behind its join, else it would be joined for good.
func TestAPrefixThatIsBehindIsLeftBehindItsJoin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRejoiningWith(t, JoinOptions{Status: true})
		ids := map[string]string{}
		for _, want := range []string{"R,S", "A*", "B*"} {
			ids[want] = r.joins(want)
		}
		ctx, giveUp := context.WithCancel(t.Context())
		joined, left := make(chan error, 1), make(chan error, 1)
		async(t, func() { joined <- r.c.JoinPrefix(ctx, "C") })
		synctest.Wait()
		giveUp()
		if err := <-joined; !errors.Is(err, context.Canceled) {
			t.Errorf("the join ended with %v", err)
		}
		async(t, func() { left <- r.c.LeavePrefix(patient(t), "C") })
		synctest.Wait()
		for want, id := range ids {
			r.acceptID(want, id)
		}
		expectEvent(t, r.c, Rejoined{Rooms: []string{"A1", "B1", "R", "S"}})
		r.accept("C*")
		expectEvent(t, r.c, Joined{Prefix: "C", Rooms: []string{"C1"}})
		leave := r.expect(protocol.TypeLeave)
		r.answer(protocol.ServerMessage{Type: protocol.TypeLeft, ID: leave.ID, Prefix: leave.Prefix, Rooms: []string{"C1"}})
		if err := <-left; err != nil {
			t.Error(err)
		}
		r.in("A1", "B1", "R", "S")
	})
}

// A prefix that waits for them is joined on the next connection if this one ends.
func TestAPrefixThatIsBehindIsJoinedOnTheNextConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRejoiningWith(t, JoinOptions{Status: true})
		joined := make(chan error, 1)
		async(t, func() { joined <- r.c.JoinPrefix(patient(t), "C") })
		synctest.Wait()
		r.refuse("R,S")
		r.accept("A*")
		r.accept("B*")
		r.kill()
		expectDisconnected(t, r.c)
		r.peer = r.s.accept()
		expectEvent(t, r.c, Connected{})
		r.accept("R,S")
		r.accept("A*")
		r.accept("B*")
		r.accept("C*")
		expectEvent(t, r.c, Joined{Prefix: "C", Rooms: []string{"C1"}})
		expectEvent(t, r.c, Rejoined{Rooms: []string{"A1", "B1", "C1", "R", "S"}})
		r.accept("C*") // of the program
		if err := <-joined; err != nil {
			t.Error(err)
		}
	})
}

// joinsWith takes a join of these rooms that asks for this rate, -1 for none, and for stamps or not. It returns its id.
func (r *rejoining) joinsWith(want string, rate float64, stamp bool) string {
	r.t.Helper()
	m := r.expect(protocol.TypeJoin)
	got := -1.0
	if m.MaxRate != nil {
		got = *m.MaxRate
	}
	if rooms := strings.Join(m.Rooms, ","); rooms != want || got != rate || m.Stamp != stamp {
		r.t.Fatalf("joined %q with the rate %v and stamps %v, want %q with %v and %v", rooms, got, m.Stamp, want, rate, stamp)
	}
	return m.ID
}

// joinNow has the program join R while the server takes it.
func (r *rejoining) joinNow(opt JoinOptions) {
	r.t.Helper()
	async(r.t, func() { r.accept("R") })
	if err := r.c.JoinWith(patient(r.t), opt, "R"); err != nil {
		r.t.Error(err)
	}
}

// What the program joins itself while it waits to be joined again does not get its former options back.
func TestWhatWaitsToBeRejoinedCanBeJoined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRejoiningWith(t, JoinOptions{MaxRate: 5})
		r.refuse("R,S", "A*", "B*")
		r.joinNow(JoinOptions{MaxRate: 1})
		r.acceptID("S", r.joinsWith("S", 5, false))
		r.accept("A*")
		r.accept("B*")
		expectEvent(t, r.c, Rejoined{Rooms: []string{"A1", "B1", "R", "S"}})
	})
}

// What it does not ask for is as it was.
func TestWhatWaitsKeepsTheOptionsThatAJoinDoesNotName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRejoiningWith(t, JoinOptions{MaxRate: 5, Stamp: true})
		r.refuse("R,S", "A*", "B*")
		r.joinNow(JoinOptions{MaxRate: NoMaxRate})
		r.acceptID("S", r.joinsWith("S", 5, true))
		r.acceptID("R", r.joinsWith("R", -1, true))
		r.accept("A*")
		r.accept("B*")
		expectEvent(t, r.c, Rejoined{Rooms: []string{"A1", "B1", "R", "S"}})
	})
}

// Nor is what a second join would not change: the server knows nothing yet of what waits.
func TestWhatWaitsIsJoinedWithItsStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRejoiningWith(t, JoinOptions{Status: true, SilentAfter: time.Second})
		r.refuse("R,S", "A*", "B*")
		async(t, func() {
			m := r.expect(protocol.TypeJoin)
			if !m.Status || m.SilentAfterMS != 1000 {
				t.Errorf("joined with %+v", m)
			}
			r.acceptID("R", m.ID)
		})
		if err := r.c.Join(patient(t), "R"); err != nil {
			t.Error(err)
		}
		r.accept("S")
		r.accept("A*")
		r.accept("B*")
		expectEvent(t, r.c, Rejoined{Rooms: []string{"A1", "B1", "R", "S"}})
	})
}

// The last one that waits does so no more.
func TestTheLastThatWaitsIsJoined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRejoiningWith(t, JoinOptions{MaxRate: 5})
		r.refuse("R,S")
		r.accept("A*")
		r.accept("B*")
		async(t, func() { r.accept("R,S") })
		begun := time.Now()
		if err := r.c.JoinWith(patient(t), JoinOptions{MaxRate: 1}, "R", "S"); err != nil {
			t.Error(err)
		}
		expectEvent(t, r.c, Rejoined{Rooms: []string{"A1", "B1", "R", "S"}})
		after(t, begun, 0, 0)
	})
}

// A join of the program that comes before one that was on its way is told again behind it.
func TestWhatIsJustRejoinedCanBeJoined(t *testing.T) {
	for _, refuse := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			r := newRejoiningWith(t, JoinOptions{MaxRate: 5})
			r.refuse("R,S")
			r.accept("A*")
			r.accept("B*")
			late := r.joins("R,S") // it was under way
			r.joinNow(JoinOptions{MaxRate: NoMaxRate})
			if refuse {
				r.refuseID(late, protocol.CodeRateLimited)
				r.acceptID("R", r.joinsWith("R", 0, false))
				r.acceptID("S", r.joinsWith("S", 5, false))
			} else {
				r.acceptID("R,S", late)
				r.acceptID("R", r.joinsWith("R", 0, false))
			}
			expectEvent(t, r.c, Rejoined{Rooms: []string{"A1", "B1", "R", "S"}})
		})
	}
}

// obliges answers until the client is gone: pings, changes of stamps, and if it takes joins those too.
func (r *rejoining) obliges(p *peer, takes bool) {
	async(r.t, func() {
		for m := range p.requests {
			answer := protocol.ServerMessage{Type: protocol.TypeJoined, ID: m.ID, Rooms: m.Rooms, Prefix: m.Prefix}
			switch {
			case m.Type == protocol.TypePing:
				answer = protocol.ServerMessage{Type: protocol.TypePong, ID: m.ID}
			case !takes && parseID(m.ID) != 0:
				answer = protocol.ServerMessage{Type: protocol.TypeError, ID: m.ID, Code: protocol.CodeRateLimited, Message: "no"}
			case m.Prefix != nil:
				answer.Rooms = []string{*m.Prefix + "1"}
			}
			p.tell(answer)
		}
	})
}

// A move joins what waits, so Rejoined comes with it: nobody else would tell that.
func TestAMoveEndsTheWaitForRejoined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRejoining(t)
		r.refuse("R,S", "A*", "B*")
		r.drains(0)
		r.obliges(r.peer, false)
		r.obliges(r.s.accept(), true)
		expectEvent(t, r.c, Moved{})
		expectEvent(t, r.c, Rejoined{Rooms: []string{"A1", "B1", "R", "S"}})
		r.in("A1", "B1", "R", "S")
	})
}
