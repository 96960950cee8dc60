package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"backbone/protocol"
)

func TestReconnectJoinsAgain(t *testing.T) {
	for _, end := range []struct {
		name string
		do   func(*peer)
		code protocol.CloseCode // 0: no close frame
	}{
		{"restart", func(p *peer) { p.close(websocket.StatusServiceRestart, "restart") }, protocol.CloseRestart},
		{"going away", func(p *peer) { p.close(websocket.StatusGoingAway, "bye") }, protocol.CloseGoingAway},
		{"slow consumer", func(p *peer) { p.close(4408, "slow") }, protocol.CloseSlowConsumer},
		{"killed", func(p *peer) { p.kill() }, 0},
	} {
		t.Run(end.name, func(t *testing.T) {
			s := newServer(t)
			c, p := s.consumer(ConnOptions{})
			async(t, func() {
				p.join()
				p.write(price("A", "1", 1))
			})
			if err := c.Join(patient(t), "C", "A", "B"); err != nil {
				t.Fatal(err)
			}
			expectEvent(t, c, PriceUpdate{Instrument: "A", Price: "1", TS: 1})
			async(t, func() {
				m := p.expect(protocol.TypeLeave)
				p.answer(protocol.ServerMessage{Type: protocol.TypeLeft, Room: m.Room, ID: m.ID})
			})
			if err := c.Leave(patient(t), "B"); err != nil {
				t.Fatal(err)
			}
			end.do(p)
			down := expectDisconnected(t, c)
			closed, ok := errors.AsType[*CloseError](down.Err)
			if ok != (end.code != 0) || ok && closed.Code != end.code || !errors.Is(down.Err, ErrConnectionLost) {
				t.Errorf("Disconnected.Err: %v", down.Err)
			}
			if down.Attempt != 1 || down.Wait < 0 || down.Wait > 100*time.Millisecond {
				t.Errorf("attempt %d in %v, want the first within 100 ms", down.Attempt, down.Wait)
			}
			p = s.accept()
			m := p.expect(protocol.TypeJoin)
			if !slices.Equal(m.Rooms, []string{"A", "C"}) {
				t.Errorf("rejoined %v, want A and C", m.Rooms)
			}
			rejected := []protocol.Rejected{{Room: "C", Code: protocol.CodeTooManyRooms, Message: "limit"}}
			p.answer(protocol.ServerMessage{Type: protocol.TypeJoined, Rooms: []string{"A"}, ID: m.ID, Rejected: rejected})
			p.write(`{"type":"price_update","instrument":"A","price":2,"ts":2,"snapshot":true}`)
			expectEvent(t, c, Connected{})
			expectEvent(t, c, Rejoined{Rooms: []string{"A"}, Rejected: rejected})
			expectEvent(t, c, PriceUpdate{Instrument: "A", Price: "2", TS: 2, Snapshot: true})

			p.kill() // what was rejected is not asked for again
			if m := s.accept().expect(protocol.TypeJoin); !slices.Equal(m.Rooms, []string{"A"}) {
				t.Errorf("rejoined %v, want A", m.Rooms)
			}
		})
	}
}

func TestRejoinOfManyRoomsFitsTheSizeLimit(t *testing.T) {
	s := newServer(t)
	c, p := s.consumer(ConnOptions{})
	rooms := make([]string, 10_000)
	for i := range rooms {
		rooms[i] = fmt.Sprintf("ROOM_%059d", i)
	}
	answerAll := func(p *peer) {
		p.ws.SetReadLimit(protocol.MaxMessageBytes)
		joined := len(p.join().Rooms)
		p.write(price(rooms[0], "1", 1))
		for joined < len(rooms) {
			joined += len(p.join().Rooms)
		}
	}
	first := PriceUpdate{Instrument: rooms[0], Price: "1", TS: 1}
	async(t, func() { answerAll(p) })
	if err := c.Join(patient(t), rooms...); err != nil {
		t.Fatal(err)
	}
	expectEvent(t, c, first)
	p.kill()
	expectDisconnected(t, c)
	answerAll(s.accept())
	expectEvent(t, c, Connected{})
	expectEvent(t, c, first)
	expectEvent(t, c, Rejoined{Rooms: rooms})
}

func TestRejoinThatFailsIsReported(t *testing.T) {
	s := newServer(t)
	c, p := s.consumer(ConnOptions{})
	async(t, func() { p.join() })
	if err := c.Join(patient(t), "A", "B"); err != nil {
		t.Fatal(err)
	}
	p.kill()
	expectDisconnected(t, c)
	p = s.accept()
	m := p.expect(protocol.TypeJoin)
	p.answer(protocol.ServerMessage{Type: protocol.TypeError, Code: protocol.CodeForbidden, Message: "slow", ID: m.ID})
	expectEvent(t, c, Connected{})
	expectEvent(t, c, Rejoined{Rooms: []string{}, Rejected: []protocol.Rejected{
		{Room: "A", Code: protocol.CodeForbidden, Message: "slow"}, {Room: "B", Code: protocol.CodeForbidden, Message: "slow"}}})
}

// A join or leave whose answer was lost with the connection is asked again.
func TestJoinAndLeaveOutliveTheConnection(t *testing.T) {
	s := newServer(t)
	c, p := s.consumer(ConnOptions{})
	async(t, func() {
		p.expect(protocol.TypeJoin)
		p.kill()
		p := s.accept()
		p.join()
		p.expect(protocol.TypeLeave)
		p.kill()
		p = s.accept()
		p.join() // the rejoin: "left" never came
		m := p.expect(protocol.TypeLeave)
		p.answer(protocol.ServerMessage{Type: protocol.TypeError, Code: protocol.CodeNotJoined, Message: "room", ID: m.ID})
	})
	if err := c.Join(patient(t), "A"); err != nil {
		t.Fatal(err)
	}
	if err := c.Leave(patient(t), "A"); err != nil {
		t.Fatal(err)
	}
}

func TestHalfOpenConnectionIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newPipeServer(t)
		start := time.Now()
		c, _ := s.consumer(ConnOptions{Options: Options{IdleTimeout: 15 * time.Second, PingTimeout: 10 * time.Second}}) // the server's end is never read
		down := expectDisconnected(t, c)
		if after := time.Since(start); after < 15*time.Second || after > 26*time.Second {
			t.Errorf("noticed after %v, want 15 to 25 s: %v", after, down.Err)
		}
		if !errors.Is(down.Err, ErrConnectionLost) {
			t.Error(down.Err)
		}
		s.accept()
		expectEvent(t, c, Connected{})
	})
}

// holeConn, once hole is set, swallows what is written.
type holeConn struct {
	net.Conn
	hole *atomic.Bool
}

func (c holeConn) Write(p []byte) (int, error) {
	if c.hole.Load() {
		return len(p), nil
	}
	return c.Conn.Write(p)
}

func TestServerBehindABlackHoleIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newPipeServer(t)
		var hole atomic.Bool
		dial := s.dial
		s.dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := dial(ctx, network, address)
			return holeConn{c, &hole}, err
		}
		c, _ := s.consumer(ConnOptions{Options: Options{IdleTimeout: 20 * time.Second, PingTimeout: 7 * time.Second}})
		hole.Store(true)
		start := time.Now()
		down := expectDisconnected(t, c)
		if after := time.Since(start); after < 27*time.Second || after > 28*time.Second ||
			down.Err.Error() != "client: connection lost: no sign of life from the server for 27s" {
			t.Errorf("after %v: %v", after, down.Err)
		}
		hole.Store(false)
		s.accept()
		expectEvent(t, c, Connected{})
	})
}

func TestQuietConnectionIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := Options{IdleTimeout: 5 * time.Second, PingTimeout: 10 * time.Second}
		c, p := newPipeServer(t).consumer(ConnOptions{Options: o})
		async(t, func() { p.untilGone() }) // answers pings, says nothing
		time.Sleep(time.Hour)              // of fake time
		p.write(price("A", "1", 1))
		expectEvent(t, c, PriceUpdate{Instrument: "A", Price: "1", TS: 1})
	})
}

func TestRefusalIsFinal(t *testing.T) {
	for _, code := range []int{401, 403} {
		s := newServer(t)
		s.refuse <- status(code)
		_, err := Dial(t.Context(), s.url, &ConnOptions{Options: Options{KeepTrying: true}})
		failed, ok := errors.AsType[*ConnectError](err)
		if !ok || failed.Status != code || !errors.Is(err, ErrRefused) {
			t.Fatalf("got %v", err)
		}
		if want := fmt.Sprintf("client: cannot connect to %s/ws: the server answered %d %s: says the server",
			s.url, code, map[int]string{401: "Unauthorized", 403: "Forbidden"}[code]); err.Error() != want {
			t.Errorf("got %s\nwant %s", err, want)
		}
	}

	s := newServer(t)
	c, p := s.consumer(ConnOptions{})
	p.close(4401, "key revoked")
	for range c.Events() {
	}
	if err := c.Err(); !errors.Is(err, ErrRefused) {
		t.Errorf("Err: %v", err)
	}
	if err := c.Join(t.Context(), "A"); !errors.Is(err, ErrRefused) {
		t.Errorf("Join: %v", err)
	}
}

// What was accepted once is refused by something in between, or for a while.
func TestARefusalOfAClientThatWasAcceptedIsTriedAgainSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newPipeServer(t)
		c, p := s.consumer(ConnOptions{})
		for range 2 {
			const refusals = 8
			for i := range refusals {
				s.refuse <- status(401 + 2*(i%2))
			}
			p.kill()
			if down := expectDisconnected(t, c); down.Wait > 100*time.Millisecond {
				t.Errorf("the first attempt comes after %v", down.Wait)
			}
			for i, least := range []time.Duration{2500, 5000, 10_000, 20_000, 30_000, 30_000, 30_000, 30_000} {
				least *= time.Millisecond
				down := expectDisconnected(t, c)
				if !errors.Is(down.Err, ErrRefused) || down.Wait < least || down.Wait > 2*least || down.Attempt != i+2 {
					t.Errorf("attempt %d after %v, want one after %v to twice that: %v", down.Attempt, down.Wait, least, down.Err)
				}
			}
			p = s.accept()
			expectEvent(t, c, Connected{})
			expectEvent(t, c, Rejoined{})
			if err := c.Err(); err != nil {
				t.Error(err)
			}
			async(t, func() { p.untilGone() })
			time.Sleep(time.Minute) // of fake time
		}
	})
}

func TestRefusalsAreCountedInARow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newPipeServer(t)
		c, p := s.consumer(ConnOptions{})
		for _, code := range []int{403, 403, 403, 502, 403} {
			s.refuse <- status(code)
		}
		p.kill()
		expectDisconnected(t, c)
		for i, least := range []time.Duration{2500, 5000, 10_000, 0, 2500} {
			least *= time.Millisecond
			if down := expectDisconnected(t, c); down.Wait < least || down.Wait > max(2*least, 5*time.Second) {
				t.Errorf("refusal or failure %d: a wait of %v, want %v to twice that: %v", i, down.Wait, least, down.Err)
			}
		}
		expectEvent(t, c, Connected{})
	})
}

func TestBusyServerIsLeftAloneAsLongAsItAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newPipeServer(t)
		c, p := s.consumer(ConnOptions{})
		s.refuse <- status(503, "Retry-After", "30")
		s.refuse <- status(429, "Retry-After", time.Now().Add(time.Minute).UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT"))
		s.refuse <- status(429, "Retry-After", "soon")
		p.close(websocket.StatusTryAgainLater, "overloaded")
		for attempt, want := range []struct{ min, max time.Duration }{
			{2500 * time.Millisecond, 5 * time.Second},
			{30 * time.Second, 38 * time.Second},
			{15 * time.Second, 76 * time.Second}, // until a date, and some of that has gone by
			{0, 800 * time.Millisecond},
		} {
			down := expectDisconnected(t, c)
			if down.Wait < want.min || down.Wait > want.max || down.Attempt != attempt+1 {
				t.Errorf("attempt %d after %v, want %d after %v to %v: %v", down.Attempt, down.Wait, attempt+1, want.min, want.max, down.Err)
			}
		}
		expectEvent(t, c, Connected{})
	})
}

func TestBackoffGrowsAndIsBounded(t *testing.T) {
	opt := Options{}.withDefaults(1, 1)
	for failures, limit := range []time.Duration{100, 200, 400, 800, 1600, 3200, 5000, 5000} {
		limit *= time.Millisecond
		for _, r := range []float64{0, 0.5, 0.999} {
			if got, want := opt.backoff(failures, r), time.Duration(r*float64(limit)); got != want {
				t.Errorf("after %d failures, r=%v: %v, want %v", failures, r, got, want)
			}
		}
	}
	if got := opt.backoff(1<<20, 0.999); got > opt.BackoffMax {
		t.Errorf("after many failures: %v", got)
	}
}

// A server that accepts and closes at once must not be hammered.
func TestShortConnectionsBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newPipeServer(t)
		c, p := s.consumer(ConnOptions{})
		for attempt := 1; attempt <= 8; attempt++ {
			p.close(websocket.StatusServiceRestart, "")
			if down := expectDisconnected(t, c); down.Attempt != attempt {
				t.Fatalf("attempt %d, want %d", down.Attempt, attempt)
			}
			p = s.accept()
			expectEvent(t, c, Connected{})
			expectEvent(t, c, Rejoined{})
		}
		async(t, func() { p.untilGone() })
		time.Sleep(time.Minute) // one that lasts starts anew
		p.close(websocket.StatusServiceRestart, "")
		if down := expectDisconnected(t, c); down.Attempt != 1 {
			t.Errorf("attempt %d, want 1", down.Attempt)
		}
	})
}

func TestKeepTrying(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newPipeServer(t)
		dial, attempts := s.dial, 0
		s.dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			if attempts++; attempts <= 5 {
				return nil, errors.New("no route")
			}
			return dial(ctx, network, address)
		}
		if _, err := Dial(t.Context(), s.url, &ConnOptions{Options: Options{DialContext: s.dial}}); err == nil || errors.Is(err, ErrRefused) ||
			err.Error() != "client: cannot connect to ws://pipe/ws: no route" {
			t.Fatalf("got %v", err)
		}
		c, err := Dial(t.Context(), s.url, &ConnOptions{Options: Options{DialContext: s.dial, KeepTrying: true}})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		for attempt := 1; attempt <= 4; attempt++ {
			if down := expectDisconnected(t, c); down.Attempt != attempt {
				t.Errorf("attempt %d, want %d", down.Attempt, attempt)
			}
		}
		expectEvent(t, c, Connected{})
	})
}

func TestDialTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer far.Close()
		start := time.Now()
		_, err := Dial(t.Context(), "ws://pipe", &ConnOptions{Options: Options{
			DialTimeout: 3 * time.Second,
			DialContext: func(context.Context, string, string) (net.Conn, error) { return near, nil },
		}})
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 3*time.Second {
			t.Fatalf("after %v: %v", time.Since(start), err)
		}
	})
}

// A program that marks its prices as old at Disconnected learns when that is over, even
// if it had joined nothing.
func TestRejoinedWithoutRooms(t *testing.T) {
	s := newServer(t)
	c, p := s.consumer(ConnOptions{})
	p.kill()
	expectDisconnected(t, c)
	p = s.accept()
	expectEvent(t, c, Connected{})
	expectEvent(t, c, Rejoined{})
	async(t, func() { p.join() })
	if err := c.Join(patient(t), "A"); err != nil {
		t.Fatal(err)
	}
	p.write(price("A", "1", 1))
	expectEvent(t, c, PriceUpdate{Instrument: "A", Price: "1", TS: 1})
}
