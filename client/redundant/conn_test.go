package redundant_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"backbone/client"
	"backbone/client/clienttest"
	"backbone/client/redundant"
	"backbone/protocol"
)

// patience bounds every wait of a test; only a failing one uses it up.
const patience = time.Minute

func stamped(room string, seq uint64) string {
	event := string(protocol.AppendPriceUpdate(nil, room, "1", "1", ""))
	return string(protocol.AppendStamped(nil, event, protocol.Stamp{Epoch: "e.1", Seq: seq, At: 1}))
}

func next(t *testing.T, c *redundant.Conn) client.Event {
	t.Helper()
	select {
	case ev, ok := <-c.Events():
		if !ok {
			t.Fatalf("the events ended: %v", c.Err())
		}
		return ev
	case <-time.After(patience):
		t.Fatal("no event came")
		return nil
	}
}

func expectPrice(t *testing.T, c *redundant.Conn, seq uint64) {
	t.Helper()
	if u, ok := next(t, c).(client.PriceUpdate); !ok || u.Stamp.Seq != seq {
		t.Fatalf("got %+v, want price %d", u, seq)
	}
}

// A retirement is delivered once, by the line that brings it first, as a price is.
func TestARetirementComesOnce(t *testing.T) {
	c, a, _, _ := two(t, "A")
	if err := a.Publish(`{"type":"price_update","instrument":"A","price":1,"ts":1}`, `{"type":"retire","instrument":"A"}`, `{"type":"price_update","instrument":"A","price":2,"ts":2}`); err != nil {
		t.Fatal(err)
	}
	expectPrice(t, c, 1)
	if r, ok := next(t, c).(client.Retired); !ok || r.Instrument != "A" || r.Stamp.Seq != 2 {
		t.Errorf("got %+v", r)
	}
	expectPrice(t, c, 3)
}

// two starts two servers and a Conn to them that has joined rooms on both.
func two(t *testing.T, rooms ...string) (c *redundant.Conn, a, b *clienttest.Server, said chan client.Event) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	a, b = clienttest.NewServer(), clienttest.NewServer()
	t.Cleanup(a.Close)
	t.Cleanup(b.Close)
	said = make(chan client.Event, 64)
	c, err := redundant.Dial(ctx, []string{a.URL, b.URL}, &redundant.Options{OnLine: func(_ int, ev client.Event) { said <- ev }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if ev, ok := next(t, c).(client.Connected); !ok {
		t.Fatalf("got %+v, want Connected", ev)
	}
	for range 2 {
		if ev, ok := (<-said).(client.Connected); !ok {
			t.Fatalf("a line said %+v, want Connected", ev)
		}
	}
	if err := c.Join(ctx, rooms...); err != nil {
		t.Fatal(err)
	}
	for _, room := range rooms {
		wait(t, func() bool { return a.Members(room) == 1 && b.Members(room) == 1 })
	}
	return c, a, b, said
}

// wait returns when done reports true. A server tells nobody that a member has come.
func wait(t *testing.T, done func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.After(patience); !done(); {
		select {
		case <-tick.C:
		case <-end:
			t.Fatal("it did not happen")
		}
	}
}

func TestEachPriceComesOnceAndOutlivesALine(t *testing.T) {
	c, a, b, _ := two(t, "A")
	a.Send("A", stamped("A", 1))
	expectPrice(t, c, 1)
	b.Send("A", stamped("A", 1))
	b.Send("A", stamped("A", 2))
	expectPrice(t, c, 2)
	b.Refuse(http.StatusServiceUnavailable)
	b.Disconnect()
	a.Send("A", stamped("A", 2))
	a.Send("A", stamped("A", 3))
	expectPrice(t, c, 3)
	wait(t, func() bool { return b.Members("A") == 0 })
	b.Refuse(0)
	wait(t, func() bool { return b.Members("A") == 1 })
	a.Refuse(http.StatusServiceUnavailable)
	a.Disconnect()
	b.Send("A", stamped("A", 4))
	expectPrice(t, c, 4)

	b.Disconnect() // now nobody brings 5 and 6
	if ev, ok := next(t, c).(client.Disconnected); !ok {
		t.Fatalf("got %+v, want Disconnected", ev)
	}
	if ev, ok := next(t, c).(client.Connected); !ok {
		t.Fatalf("got %+v, want Connected", ev)
	}
	wait(t, func() bool { return b.Members("A") == 1 })
	b.Send("A", stamped("A", 7))
	if ev := next(t, c); ev != (client.Missed{Room: "A", Events: 2, Exact: true}) {
		t.Errorf("got %+v, want what was missed", ev)
	}
	expectPrice(t, c, 7)
}

// The goroutine that takes events joins and leaves, while prices wait for it.
func TestJoinFromTheEventLoop(t *testing.T) {
	c, a, b, _ := two(t, "A")
	for seq := range uint64(50) {
		a.Send("A", stamped("A", seq+1))
		b.Send("A", stamped("A", seq+1))
	}
	expectPrice(t, c, 1)
	if err := c.Join(t.Context(), "B"); err != nil {
		t.Fatal(err)
	}
	if err := c.Leave(t.Context(), "A"); err != nil {
		t.Fatal(err)
	}
	wait(t, func() bool { return a.Members("B") == 1 && a.Members("A") == 0 && b.Members("A") == 0 })
	a.Send("B", stamped("B", 1))
	for {
		u, ok := next(t, c).(client.PriceUpdate)
		if ok && u.Instrument == "B" {
			return
		}
		t.Errorf("got %+v of a room that was left", u)
	}
}

func TestALineThatRejectsSaysSo(t *testing.T) {
	c, a, b, said := two(t, "A")
	a.Reject("B", client.CodeTooManyRooms, "full")
	b.Reject("B", client.CodeTooManyRooms, "full")
	if err := c.Join(t.Context(), "B"); !errors.As(err, new(*client.JoinError)) {
		t.Errorf("got %v", err)
	}
	for n := 0; n < 2; {
		if refused, ok := (<-said).(*client.RequestError); ok && refused.Code == client.CodeTooManyRooms {
			n++
		}
	}
}

func TestDialWithoutAnyLine(t *testing.T) {
	for name, c := range map[string]struct {
		urls []string
		opt  redundant.Options
	}{
		"no URL":      {},
		"a bad URL":   {urls: []string{"ws://127.0.0.1:1", "file:///"}, opt: redundant.Options{ConnOptions: client.ConnOptions{Options: client.Options{KeepTrying: true}}}},
		"OnMessage":   {urls: []string{"ws://127.0.0.1:1"}, opt: redundant.Options{ConnOptions: client.ConnOptions{OnMessage: func([]byte) bool { return true }}}},
		"nobody home": {urls: []string{"ws://127.0.0.1:1", "ws://127.0.0.1:2"}},
	} {
		if _, err := redundant.Dial(t.Context(), c.urls, &c.opt); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	keep := redundant.Options{ConnOptions: client.ConnOptions{Options: client.Options{KeepTrying: true}}}
	if _, err := redundant.Dial(ctx, []string{"ws://127.0.0.1:1"}, &keep); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("while it goes on trying: %v", err)
	}
}

func TestEveryLineRefusedEndsTheConn(t *testing.T) {
	c, a, b, _ := two(t)
	for _, s := range []*clienttest.Server{a, b} {
		s.CloseWith(client.CloseUnauthorized, "revoked")
	}
	for range c.Events() { // ends
	}
	if !errors.Is(c.Err(), client.ErrRefused) {
		t.Errorf("Err: %v", c.Err())
	}
	if err := c.Join(t.Context(), "A"); !errors.Is(err, client.ErrClosed) {
		t.Errorf("Join: %v", err)
	}
}

func joins(t *testing.T, c *redundant.Conn, n int) (rooms []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for i := range n {
		rooms = append(rooms, fmt.Sprint("R", i))
		if err := c.Join(ctx, rooms[i]); err != nil {
			t.Fatalf("join %d: %v", i, err)
		}
	}
	return rooms
}

// down waits until a line has told that it has no connection.
func down(t *testing.T, said chan client.Event) {
	t.Helper()
	for {
		select {
		case ev := <-said:
			if _, ok := ev.(client.Disconnected); ok {
				return
			}
		case <-time.After(patience):
			t.Fatal("no Disconnected came")
		}
	}
}

func TestALineThatHasEndedHoldsUpNobody(t *testing.T) {
	c, a, b, said := two(t)
	a.CloseWith(client.CloseUnauthorized, "revoked")
	down(t, said)
	rooms := joins(t, c, 100)
	wait(t, func() bool { return b.Members(rooms[99]) == 1 })
	if err := c.Leave(t.Context(), rooms...); err != nil {
		t.Errorf("Leave: %v", err)
	}
	wait(t, func() bool { return b.Members(rooms[0])+b.Members(rooms[99]) == 0 })
	wait(t, func() bool { return c.Known() == 0 })
}

// A line that has not yet tried may take what the other has refused.
func TestTheFirstAttemptOfALineIsWaitedFor(t *testing.T) {
	a, b := clienttest.NewServer(), clienttest.NewServer()
	t.Cleanup(a.Close)
	t.Cleanup(b.Close)
	a.Reject("A", client.CodeTooManyRooms, "full")
	attempt, said := make(chan struct{}), make(chan client.Event, 64)
	opt := redundant.Options{OnLine: func(_ int, ev client.Event) { said <- ev }}
	opt.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if strings.HasSuffix(b.URL, address) {
			<-attempt
		}
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	c, err := redundant.Dial(t.Context(), []string{a.URL, b.URL}, &opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	next(t, c) // Connected
	joined := make(chan error, 1)
	go func() { joined <- c.Join(t.Context(), "A") }()
	for refused := false; !refused; {
		_, refused = (<-said).(*client.RequestError)
	}
	c.Known() // a round of the Conn, in which it could answer
	select {
	case err := <-joined:
		t.Errorf("answered by one line: %v", err)
	default:
	}
	close(attempt)
	if err := <-joined; err != nil {
		t.Error(err)
	}
}

// What the program has joined and left meanwhile holds for a line that comes back.
func TestALineThatWasAwayForLong(t *testing.T) {
	c, a, b, said := two(t, "A")
	a.Refuse(http.StatusServiceUnavailable)
	a.Disconnect()
	down(t, said)
	rooms := joins(t, c, 100)
	if err := c.Leave(t.Context(), "A", rooms[0], rooms[50]); err != nil {
		t.Errorf("Leave: %v", err)
	}
	for i := range 200 {
		room := fmt.Sprint("X", i)
		if err := errors.Join(c.Join(t.Context(), room), c.Leave(t.Context(), room)); err != nil {
			t.Fatal(err)
		}
	}
	if n := c.Known(); n > 5*98 {
		t.Errorf("%d names are kept for %d rooms", n, 98)
	}
	a.Refuse(0)
	for i, room := range append(rooms, "A") {
		want := 1
		if i == 0 || i == 50 || i == 100 {
			want = 0
		}
		wait(t, func() bool { return a.Members(room) == want && b.Members(room) == want })
	}
	wait(t, func() bool { return c.Known() == 4*98 }) // by name, by its prices, and on two lines
}

func TestOneLineThatTakesARoomIsEnough(t *testing.T) {
	c, a, b, _ := two(t)
	for i := range 50 {
		room, refusing := fmt.Sprint("R", i), a
		if i%2 == 0 {
			refusing = b
		}
		refusing.Reject(room, client.CodeTooManyRooms, "full")
		if err := c.Join(t.Context(), room); err != nil {
			t.Fatal(err)
		}
	}
	// Each takes the half of a join.
	if err := c.Join(t.Context(), "R0", "R1", "R2"); err != nil {
		t.Error(err)
	}
}

func TestAJoinThatFailsLeavesNothing(t *testing.T) {
	c, a, b, said := two(t)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Join(ended, "A"); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that has ended: %v", err)
	}
	for _, s := range []*clienttest.Server{a, b} {
		s.Refuse(http.StatusServiceUnavailable)
		s.Disconnect()
		down(t, said)
	}
	if ev, ok := next(t, c).(client.Disconnected); !ok {
		t.Fatalf("got %+v, want Disconnected", ev)
	}
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := c.Join(short, "B"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("no line: %v", err)
	}
	if err := c.Leave(t.Context(), "B"); !errors.As(err, new(*client.RequestError)) {
		t.Errorf("Leave of a room that was not joined: %v", err)
	}
	a.Refuse(0)
	b.Refuse(0)
	if err := c.Join(t.Context(), "C"); err != nil {
		t.Fatal(err)
	}
	wait(t, func() bool { return a.Members("C") == 1 && b.Members("C") == 1 })
	wait(t, func() bool { return a.Members("B")+b.Members("B") == 0 })
}

// A room that every line has refused is forgotten.
func TestARefusedRoomIsForgotten(t *testing.T) {
	c, a, b, _ := two(t)
	for _, s := range []*clienttest.Server{a, b} {
		s.Reject("A", client.CodeTooManyRooms, "full")
	}
	for range 3 {
		failed, ok := errors.AsType[*client.JoinError](c.Join(t.Context(), "A", "B"))
		if !ok || len(failed.Rejected) != 1 || failed.Rejected[0].Room != "A" {
			t.Fatalf("got %v", failed)
		}
	}
	if err := c.Leave(t.Context(), "A", "B"); err == nil || err.Error() != `client: not_joined: room: "A" is not joined` {
		t.Errorf("got %v", err)
	}
	wait(t, func() bool { return a.Members("B")+b.Members("B") == 0 })
	if n := c.Known(); n != 0 {
		t.Errorf("%d rooms are known", n)
	}
}

func TestARoomThatIsLeftAndJoinedStartsAnew(t *testing.T) {
	c, a, b, _ := two(t, "A")
	if err := a.Publish(`{"type":"price_update","instrument":"A","price":1,"ts":1}`); err != nil {
		t.Fatal(err)
	}
	next(t, c)
	for range 50 {
		if err := errors.Join(c.Leave(t.Context(), "A"), c.Join(t.Context(), "A")); err != nil {
			t.Fatal(err)
		}
		if u, ok := next(t, c).(client.PriceUpdate); !ok || !u.Snapshot {
			t.Fatalf("got %+v, want a snapshot", u)
		}
	}
	wait(t, func() bool { return a.Members("A") == 1 && b.Members("A") == 1 })
}

func TestTheAgeIsThatOfTheFastestLine(t *testing.T) {
	c, a, b, _ := two(t, "A")
	if age, ok := c.Age(); ok {
		t.Errorf("an age of %v before any was measured", age)
	}
	const minute = time.Minute // what measures here is far shorter
	comes := func(want time.Duration) {
		t.Helper()
		wait(t, func() bool { age, ok := c.Age(); return ok && age >= want && age < want+minute })
	}
	a.Send("A", `{"type":"mark","n":1,"age_ms":7200000}`)
	comes(2 * time.Hour)
	b.Send("A", `{"type":"mark","n":1,"age_ms":3600000}`)
	comes(time.Hour)
	b.Refuse(http.StatusServiceUnavailable)
	b.Disconnect() // the age of a connection ends with it
	comes(2 * time.Hour)
}
