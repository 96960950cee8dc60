package book_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"backbone/client"
	"backbone/client/book"
	"backbone/client/clienttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func price(instrument string, n int) string {
	return fmt.Sprintf(`{"type":"price_update","instrument":%q,"price":%d,"ts":%d}`, instrument, n, n)
}

// shelf is a Book, its server, and what the Book has taken.
type shelf struct {
	*book.Book
	t      *testing.T
	srv    *clienttest.Server
	events chan client.Event
}

func open(t *testing.T, opt *book.Options, rooms ...string) *shelf {
	t.Helper()
	s := &shelf{t: t, srv: clienttest.NewServer(), events: make(chan client.Event, 1000)}
	t.Cleanup(s.srv.Close)
	if opt == nil {
		opt = &book.Options{}
	}
	opt.BackoffBase, opt.BackoffMax = time.Millisecond, time.Millisecond
	opt.OnEvent = func(ev client.Event) { s.events <- ev }
	b, err := book.Dial(within(t), s.srv.URL, opt, rooms...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	s.Book = b
	return s
}

// until waits for an event that the Book has taken.
func until[E client.Event](s *shelf) E {
	s.t.Helper()
	for {
		select {
		case ev := <-s.events:
			if e, ok := ev.(E); ok {
				return e
			}
		case <-within(s.t).Done():
			var e E
			s.t.Fatalf("no %T came", e)
		}
	}
}

func (s *shelf) publish(events ...string) {
	s.t.Helper()
	if err := s.srv.Publish(events...); err != nil {
		s.t.Fatal(err)
	}
}

func (s *shelf) shows(room, want string, why book.Why) {
	s.t.Helper()
	q, fresh := s.Get(room)
	if q.Instrument != room || string(q.Price) != want || q.Why != why || fresh != (why == book.Fresh) || q.Age < 0 || q.Age > time.Minute {
		s.t.Errorf("%s: %q, %v (fresh: %t), %v old, want %q, %v", room, q.Price, q.Why, fresh, q.Age, want, why)
	}
}

func TestABookShowsPricesAndWhyTheyAreStale(t *testing.T) {
	s := open(t, nil, "A", "B")
	until[client.NoSnapshot](s)
	until[client.NoSnapshot](s)
	s.shows("A", "", book.NeverHeard)
	s.shows("X", "", book.NotJoined)
	s.publish(price("A", 1), price("A", 2), price("B", 3))
	for range 3 {
		until[client.PriceUpdate](s)
	}
	s.shows("A", "2", book.Fresh)
	s.shows("B", "3", book.Fresh)
	if q, _ := s.Get("A"); q.TS != 2 || q.Stamp == nil || q.Snapshot {
		t.Errorf("%+v", q)
	}

	s.srv.Send("A", `{"type":"status","room":"A","feed":"silent","since":1}`)
	until[client.FeedStatus](s)
	s.shows("A", "2", book.FeedSilent)
	s.shows("B", "3", book.Fresh)
	s.publish(price("A", 4))
	until[client.PriceUpdate](s)
	s.shows("A", "4", book.Fresh)

	s.srv.Send("A", `{"type":"status","bridge":"degraded","since":1}`)
	until[client.BridgeStatus](s)
	s.shows("A", "4", book.BridgeDegraded)
	s.shows("B", "3", book.BridgeDegraded)
	s.srv.Send("A", `{"type":"status","bridge":"ok","since":1}`)
	until[client.BridgeStatus](s)
	s.shows("B", "3", book.Fresh)

	s.publish(`{"type":"retire","instrument":"A"}`)
	until[client.Retired](s)
	s.shows("A", "", book.Retired)
	s.publish(price("A", 5))
	until[client.PriceUpdate](s)
	s.shows("A", "5", book.Fresh)

	s.srv.Refuse(503)
	s.srv.Disconnect()
	until[client.Disconnected](s)
	s.shows("A", "5", book.Disconnected)
	s.publish(price("A", 6), `{"type":"retire","instrument":"B"}`)
	s.srv.Refuse(0)
	until[client.PriceUpdate](s)
	until[client.NoSnapshot](s)
	s.shows("A", "6", book.Fresh)
	s.shows("B", "", book.NeverHeard) // it was retired meanwhile
	if all := slices.Collect(s.All()); len(all) != 2 || all[0].Instrument != "A" || all[1].Instrument != "B" {
		t.Errorf("%+v", all)
	}
	_ = s.Close()
	s.shows("A", "6", book.Closed)
	if _, err := s.Wait(within(t), "B"); !errors.Is(err, client.ErrClosed) {
		t.Errorf("Wait after Close: %v", err)
	}
}

// What is lost is known before the events that still wait are taken.
func TestABookKnowsOfALossAtOnce(t *testing.T) {
	srv := clienttest.NewServer()
	defer srv.Close()
	told, came, release := make(chan client.State, 100), make(chan bool), make(chan bool)
	var opt book.Options
	opt.BackoffBase, opt.BackoffMax = time.Millisecond, time.Millisecond
	opt.OnStateChange = func(st client.State) { told <- st }
	opt.OnEvent = func(ev client.Event) {
		if _, ok := ev.(client.PriceUpdate); ok {
			came <- true
			<-release
		}
	}
	b, err := book.Dial(within(t), srv.URL, &opt, "A")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	s := &shelf{Book: b, t: t, srv: srv}
	s.publish(price("A", 1))
	<-came
	s.shows("A", "1", book.Fresh)
	srv.Disconnect()
	for (<-told).Connected {
	}
	s.shows("A", "1", book.Disconnected)
	for !(<-told).Connected {
	}
	s.shows("A", "1", book.Disconnected) // nothing was heard of it on this connection
	release <- true
	<-came
	s.shows("A", "1", book.Fresh)
	release <- true
}

// askedContext tells when somebody waits for its end.
type askedContext struct {
	context.Context
	asked func()
}

func (c askedContext) Done() <-chan struct{} {
	c.asked()
	return c.Context.Done()
}

func TestABookWaitsForTheFirstPrice(t *testing.T) {
	s := open(t, nil, "A", "B", "C", "D")
	type answer struct {
		q   book.Quote
		err error
	}
	wait := func(room string) <-chan answer { // returns when Wait waits
		got, waits := make(chan answer, 1), make(chan struct{})
		ctx := askedContext{within(t), sync.OnceFunc(func() { close(waits) })}
		go func() {
			q, err := s.Wait(ctx, room)
			ctx.asked() // it did not wait
			got <- answer{q, err}
		}()
		<-waits
		return got
	}
	a, b := wait("A"), wait("B")
	s.publish(price("A", 1))
	if got := <-a; got.err != nil || got.q.Price != "1" {
		t.Errorf("A: %+v", got)
	}
	if err := s.Leave(within(t), "B"); err != nil {
		t.Error(err)
	}
	if got := <-b; got.err == nil || got.err.Error() != `book: "B" was left` {
		t.Errorf("B: %v", got.err)
	}
	s.shows("B", "", book.NotJoined)
	if _, err := s.Wait(within(t), "B"); err == nil || err.Error() != `book: "B" is not joined` {
		t.Errorf("B: %v", err)
	}
	over, cancel := context.WithCancel(within(t))
	cancel()
	if _, err := s.Wait(over, "C"); !errors.Is(err, context.Canceled) {
		t.Errorf("C: %v", err)
	}
	d := wait("D")
	s.srv.Reject("D", client.CodeTooManyRooms, "no more")
	s.srv.Disconnect()
	var refused *client.RequestError
	if got := <-d; !errors.As(got.err, &refused) || refused.Code != client.CodeTooManyRooms {
		t.Errorf("D: %v", got.err)
	}
	c := wait("C")
	s.srv.CloseWith(client.CloseUnauthorized, "the key was withdrawn")
	if got := <-c; !errors.Is(got.err, client.ErrRefused) || !errors.Is(s.Err(), client.ErrRefused) {
		t.Errorf("C: %v", got.err)
	}
	s.shows("A", "1", book.Closed)
}

func TestABookJoinsAndLeaves(t *testing.T) {
	s := open(t, nil)
	s.publish(price("A", 1))
	s.srv.Reject("BAD", client.CodeTooManyRooms, "no more")
	var failed *client.JoinError
	if err := s.Join(within(t), "A", "BAD", "C"); !errors.As(err, &failed) || len(failed.Rejected) != 1 {
		t.Errorf("%v", err)
	}
	if rooms := s.Rooms(); !slices.Equal(rooms, []string{"A", "C"}) {
		t.Errorf("rooms %v", rooms)
	}
	if q, err := s.Wait(within(t), "A"); err != nil || q.Price != "1" || !q.Snapshot {
		t.Errorf("%+v, %v", q, err)
	}
	if err := s.Join(within(t), "A"); err != nil { // once more
		t.Error(err)
	}
	s.shows("A", "1", book.Fresh)
	if err := s.Leave(within(t), "A"); err != nil {
		t.Error(err)
	}
	s.shows("A", "", book.NotJoined)
	if err := s.Leave(within(t), "A"); err == nil {
		t.Error("it leaves twice")
	}
	s.publish(price("A", 2))
	if err := s.Join(within(t), "A"); err != nil {
		t.Error(err)
	}
	if q, err := s.Wait(within(t), "A"); err != nil || q.Price != "2" {
		t.Errorf("%+v, %v", q, err)
	}
	_ = s.Close()
	if err := s.Join(within(t), "D"); !errors.Is(err, client.ErrClosed) {
		t.Errorf("Join after Close: %v", err)
	}
	if rooms := s.Rooms(); !slices.Equal(rooms, []string{"A", "C"}) {
		t.Errorf("rooms %v", rooms)
	}
}

func TestABookIsNotOpened(t *testing.T) {
	srv := clienttest.NewServer()
	defer srv.Close()
	srv.Reject("BAD", client.CodeTooManyRooms, "no more")
	if _, err := book.Dial(within(t), srv.URL, nil, "A", "BAD"); !errors.As(err, new(*client.JoinError)) {
		t.Errorf("rejected: %v", err)
	}
	var opt book.Options
	opt.OnMessage = func([]byte) bool { return false }
	if _, err := book.Dial(within(t), srv.URL, &opt); err == nil {
		t.Error("OnMessage was accepted")
	}
	if _, err := book.Dial(within(t), srv.URL, &book.Options{MaxAge: -1}); err == nil {
		t.Error("a negative MaxAge was accepted")
	}
	srv.Refuse(401)
	if _, err := book.Dial(within(t), srv.URL, nil); !errors.Is(err, client.ErrRefused) {
		t.Errorf("refused: %v", err)
	}
}

// Many goroutines read while the server publishes and breaks the connection: no price goes back.
func TestReadersNeverSeeAnOlderPrice(t *testing.T) {
	const rooms, prices = 5, 200
	var names []string
	for i := range rooms {
		names = append(names, "R"+strconv.Itoa(i))
	}
	s := open(t, nil, names...)
	all := make(chan bool) // closed once the last price of each room has come
	go func() {
		for last := map[string]bool{}; len(last) < rooms; {
			if u, ok := (<-s.events).(client.PriceUpdate); ok && u.TS == prices {
				last[u.Instrument] = true
			}
		}
		close(all)
	}()
	var stop atomic.Bool
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			last := map[string]int64{}
			for !stop.Load() {
				for q := range s.All() {
					if q.TS < last[q.Instrument] && q.Price != "" {
						t.Errorf("%s: %d behind %d", q.Instrument, q.TS, last[q.Instrument])
						return
					}
					last[q.Instrument] = max(q.TS, last[q.Instrument])
				}
			}
		})
	}
	for n := 1; n <= prices; n++ {
		for _, name := range names {
			s.publish(price(name, n))
		}
		if n%50 == 25 {
			s.srv.Disconnect()
		}
	}
	select {
	case <-all:
	case <-within(t).Done():
		t.Error("the last prices are missing")
	}
	stop.Store(true)
	readers.Wait()
	for _, name := range names {
		s.shows(name, strconv.Itoa(prices), book.Fresh)
	}
}

func TestGetAllocatesNothing(t *testing.T) {
	s := open(t, nil, "A")
	s.publish(price("A", 1))
	until[client.PriceUpdate](s)
	name := "A"
	if n := testing.AllocsPerRun(1000, func() { s.Get(name) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkGet(b *testing.B) {
	srv := clienttest.NewServer()
	defer srv.Close()
	of, err := book.Dial(b.Context(), srv.URL, nil, "BTC_USDT")
	if err != nil {
		b.Fatal(err)
	}
	defer of.Close()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			of.Get("BTC_USDT")
		}
	})
}
