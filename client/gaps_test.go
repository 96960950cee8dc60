package client

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"backbone/internal/epochs"
	"backbone/protocol"
)

// stamped is a price with a stamp, whose price is its number and whose ts says nothing.
func stamped(room, epoch string, seq uint64, snapshot bool) string {
	event := string(protocol.AppendPriceUpdate(nil, room, strconv.FormatUint(seq, 10), "1", ""))
	s := protocol.Stamp{Epoch: epoch, Seq: seq, At: 1_700_000_000_000 + int64(seq)}
	if snapshot {
		return string(protocol.AppendStampedSnapshot(nil, protocol.MarkSnapshot(event), s, 250))
	}
	return string(protocol.AppendStamped(nil, event, s))
}

func TestStampsArriveOnEitherPath(t *testing.T) {
	c, p := newServer(t).consumer(ConnOptions{})
	async(t, func() {
		if m := p.join(); !m.Stamp {
			t.Error("the join does not ask for stamps")
		}
	})
	if err := c.JoinWith(patient(t), JoinOptions{Stamp: true}, "A"); err != nil {
		t.Fatal(err)
	}
	for _, snapshot := range []bool{false, true} {
		text := stamped("A", "e.1", 7, snapshot)
		for _, text := range []string{text, " " + text} { // the blank takes it to the JSON parser
			p.write(text)
			u := nextEvent(t, c).(PriceUpdate)
			want := Stamp{Epoch: "e.1", Seq: 7, At: time.UnixMilli(1_700_000_000_007)}
			if snapshot {
				want.Age = 250 * time.Millisecond
			}
			if u.Stamp == nil || *u.Stamp != want || u.Snapshot != snapshot {
				t.Errorf("%s: %+v with stamp %+v, want %+v", text, u, u.Stamp, want)
			}
		}
	}
	p.write(price("A", "1", 1))
	if u := nextEvent(t, c).(PriceUpdate); u.Stamp != nil {
		t.Errorf("a price without a stamp has %+v", u.Stamp)
	}
}

// What is missing between the last price before a lost connection and the first after it is
// told, if it can be known.
func TestMissedEventsAreCounted(t *testing.T) {
	skipped := func(n int) string { return fmt.Sprintf(`{"type":"conflated","room":"A","skipped":%d}`, n) }
	for name, c := range map[string]struct {
		before, after []string
		want          []Missed
	}{
		"a live price":                {[]string{stamped("A", "e", 5, false)}, []string{stamped("A", "e", 9, false), stamped("A", "e", 10, false)}, []Missed{{"A", 3, true}}},
		"a retirement":                {[]string{stamped("A", "e", 5, false)}, []string{`{"type":"retired","instrument":"A","epoch":"e","seq":9,"at":1}`, stamped("A", "e", 10, false)}, []Missed{{"A", 3, true}}},
		"a snapshot":                  {[]string{stamped("A", "e", 5, false)}, []string{stamped("A", "e", 9, true), stamped("A", "e", 12, false), stamped("A", "e", 14, false)}, []Missed{{"A", 3, true}, {"A", 2, true}}},
		"conflated after a snapshot":  {[]string{stamped("A", "e", 5, false)}, []string{stamped("A", "e", 9, true), skipped(2), stamped("A", "e", 12, false)}, []Missed{{"A", 3, true}}},
		"nothing":                     {[]string{stamped("A", "e", 5, false)}, []string{stamped("A", "e", 5, true), stamped("A", "e", 6, false)}, nil},
		"an instance behind":          {[]string{stamped("A", "e", 5, false)}, []string{stamped("A", "e", 3, true), stamped("A", "e", 4, false), stamped("A", "e", 7, false)}, nil},
		"another instance":            {[]string{stamped("A", "e", 5, false)}, []string{stamped("A", "f", 1, true), stamped("A", "f", 2, false)}, []Missed{{"A", 0, false}}},
		"a snapshot of another one":   {[]string{stamped("A", "e", 5, false)}, []string{stamped("A", "f", 1, true), stamped("A", "f", 5, false)}, []Missed{{"A", 0, false}, {"A", 3, true}}},
		"conflated before a snapshot": {[]string{stamped("A", "e", 5, false)}, []string{skipped(3), stamped("A", "e", 9, true), stamped("A", "e", 12, false)}, []Missed{{"A", 2, true}}},
		"no stamp before":             {[]string{stamped("A", "e", 5, false), price("A", "1", 1)}, []string{stamped("A", "e", 9, false)}, []Missed{{"A", 0, false}}},
		"no stamp after":              {[]string{stamped("A", "e", 5, false)}, []string{price("A", "1", 1), stamped("A", "e", 9, false)}, []Missed{{"A", 0, false}}},
		"conflated since":             {[]string{stamped("A", "e", 5, false)}, []string{skipped(2), stamped("A", "e", 10, false)}, []Missed{{"A", 2, true}}},
		"two producers":               {[]string{stamped("A", "e", 5, false), stamped("A", "f", 1, false)}, []string{stamped("A", "f", 4, false), stamped("A", "e", 6, false)}, []Missed{{"A", 2, true}}},
		"two producers conflated":     {[]string{stamped("A", "e", 5, false), stamped("A", "f", 1, false)}, []string{skipped(1), stamped("A", "f", 4, false)}, []Missed{{"A", 1, false}}},
		"conflated before":            {[]string{stamped("A", "e", 5, false), skipped(3), stamped("A", "e", 9, false)}, []string{stamped("A", "e", 10, true)}, nil},
		"never had a price":           {nil, []string{stamped("A", "e", 9, true)}, []Missed{{"A", 0, false}}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newPipeServer(t)
				conn, p := s.consumer(ConnOptions{})
				async(t, func() { p.join(); p.write(c.before...) })
				if err := conn.JoinWith(patient(t), JoinOptions{Stamp: true}, "A"); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				p.kill()
				p = s.accept()
				if m := p.join(); !m.Stamp {
					t.Error("the rejoin does not ask for stamps")
				}
				p.write(c.after...)
				p.write(`{"type":"message","room":"A","data":"end"}`)
				var got []Missed
				up, prices := 0, 0
				for {
					switch e := nextEvent(t, conn).(type) {
					case Connected:
						up, prices = up+1, 0
					case PriceUpdate:
						prices++
					case Missed:
						if up != 1 || prices > 1 {
							t.Errorf("%+v behind %d prices", e, prices)
						}
						got = append(got, e)
					case ChatMessage:
						if !slices.Equal(got, c.want) {
							t.Errorf("missed %+v, want %+v", got, c.want)
						}
						return
					}
				}
			})
		})
	}
}

func TestARoomRemembersAFewEpochs(t *testing.T) {
	r := joinedRooms{names: map[string]string{"A": "A"}, counts: map[string]*roomCounts{}}
	comes := func(room, epoch string, seq uint64) (Missed, bool) {
		return r.missed(&PriceUpdate{Instrument: room, Stamp: &Stamp{Epoch: epoch, Seq: seq}})
	}
	for i := range uint64(100) {
		comes("A", fmt.Sprint(i), 1)
		if r.counts["A"].epochs.Find("in use") == nil && (i > 0 || r.counts["A"].epochs.Len() == 0) {
			t.Fatalf("after %d others the epoch in use is forgotten", i)
		}
		comes("A", "in use", 1+i)
		comes("B", fmt.Sprint(i), 1) // not joined
	}
	r.options.Store("A", JoinOptions{Stamp: true})
	r.lost()
	if m, told := comes("A", "in use", 103); m.Events != 2 || !m.Exact || !told {
		t.Errorf("the epoch in use: missed %+v, want 2", m)
	}
	if len(r.counts) != 1 || r.counts["A"].epochs.Len() != epochs.Most {
		t.Errorf("%d rooms, %d epochs", len(r.counts), r.counts["A"].epochs.Len())
	}
	if r.remove("A"); len(r.counts) != 0 {
		t.Error("a room that was left is remembered")
	}
}

// Without a message for two and a half intervals the client connects again; a heartbeat is enough.
func TestHeartbeatsTellADeadLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newPipeServer(t)
		c, p := s.consumer(ConnOptions{Heartbeat: 2 * time.Second})
		async(t, func() {
			if m := p.join(); m.HeartbeatMS != 2000 {
				t.Errorf("got %+v, want heartbeats", m)
			}
		})
		if err := c.Join(patient(t), "A"); err != nil {
			t.Fatal(err)
		}
		for range 20 {
			time.Sleep(3 * time.Second)
			p.write(`{"type":"heartbeat","at":1700000000000}`)
			expectEvent(t, c, Heartbeat{At: time.UnixMilli(1_700_000_000_000)})
		}
		start := time.Now()
		down := expectDisconnected(t, c)
		if d := time.Since(start); d < 4900*time.Millisecond || d > 5100*time.Millisecond {
			t.Errorf("noticed after %v, want 5s", d)
		}
		if want := "client: connection lost: no heartbeat or other message from the server for 5s"; down.Err.Error() != want {
			t.Errorf("%v, want %s", down.Err, want)
		}
		p = s.accept()
		m := p.expect(protocol.TypeJoin) // of a server that is older than heartbeats
		p.answer(protocol.ServerMessage{Type: protocol.TypeError, Code: protocol.CodeUnknownField, Message: "heartbeat_ms: unknown field", ID: m.ID})
		if m := p.join(); m.HeartbeatMS != 0 {
			t.Errorf("got %+v, want a join without heartbeats", m)
		}
		expectEvent(t, c, Connected{})
		expectEvent(t, c, Rejoined{Rooms: []string{"A"}})
		async(t, func() { p.untilGone() })
		time.Sleep(time.Hour) // it answers pings, and is kept
		p.write(price("A", "1", 1))
		expectEvent(t, c, PriceUpdate{Instrument: "A", Price: "1", TS: 1})
	})
}

// Heartbeats are rarer than IdleTimeout, and the pings of either side get lost on the way.
func TestHeartbeatsThatAreRare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newPipeServer(t).consumer(ConnOptions{Heartbeat: time.Minute})
		async(t, func() { p.join() }) // and reads no ping
		if err := c.Join(patient(t), "A"); err != nil {
			t.Fatal(err)
		}
		for range 20 {
			time.Sleep(100 * time.Second)
			p.write(`{"type":"heartbeat","at":1700000000000}`)
			expectEvent(t, c, Heartbeat{At: time.UnixMilli(1_700_000_000_000)})
		}
		start := time.Now()
		time.Sleep(time.Minute)
		expectDisconnected(t, c)
		if d := time.Since(start); d < 149*time.Second || d > 151*time.Second {
			t.Errorf("noticed after %v, want 150s", d)
		}
	})
}

// A server sends a slow program one message a second, however short the heartbeat is.
func TestASlowProgramWithAShortHeartbeatKeepsItsConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newPipeServer(t).consumer(ConnOptions{Heartbeat: 300 * time.Millisecond})
		joined := make(chan bool)
		async(t, func() { p.join(); close(joined) })
		if err := c.Join(patient(t), "A"); err != nil {
			t.Fatal(err)
		}
		<-joined
		p.answers()
		p.write(price("A", "1", 0))
		p.mark(1)
		for i := range 20 { // of which the program takes nothing
			time.Sleep(1100 * time.Millisecond)
			p.write(price("A", "1", int64(1+i)))
		}
		expectPrices(t, c, 21)
		time.Sleep(900 * time.Millisecond) // until it knows that the program has caught up
		p.write(price("A", "1", 21))
		expectEvent(t, c, PriceUpdate{Instrument: "A", Price: "1", TS: 21})
		last := time.Now()
		down := expectDisconnected(t, c)
		if d := time.Since(last); d < 700*time.Millisecond || d > 800*time.Millisecond {
			t.Errorf("noticed %v after the last message, want 750ms: %v", d, down.Err)
		}
	})
}

// A program that takes nothing does not let the client read heartbeats.
func TestAProgramThatTakesNothingIsNotADeadLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newPipeServer(t).consumer(ConnOptions{Heartbeat: time.Second, Buffer: 4})
		async(t, func() { p.join(); p.prices(0, 200) })
		if err := c.Join(patient(t), "A"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		expectPrices(t, c, 200)
	})
}

func TestDurationsOfJoinsAreWholeMilliseconds(t *testing.T) {
	if _, err := Dial(t.Context(), "ws://127.0.0.1:1", &ConnOptions{Heartbeat: time.Microsecond}); err == nil ||
		err.Error() != "client: ConnOptions.Heartbeat: 1µs, expected a positive number of whole milliseconds" {
		t.Errorf("heartbeat: %v", err)
	}
	c, p := newServer(t).consumer(ConnOptions{})
	if err := c.JoinWith(t.Context(), JoinOptions{Status: true, SilentAfter: -time.Second}, "A"); err == nil {
		t.Error("no error")
	}
	async(t, func() {
		if m := p.join(); m.SilentAfterMS != 1500 || !m.Status {
			t.Errorf("got %+v", m)
		}
	})
	if err := c.JoinWith(patient(t), JoinOptions{Status: true, SilentAfter: 1500 * time.Millisecond}, "A"); err != nil {
		t.Fatal(err)
	}
}
