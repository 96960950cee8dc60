package client

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"backbone/protocol"
)

func sameType(a, b any) bool { return reflect.TypeOf(a) == reflect.TypeOf(b) }

func price(room, price string, ts int64) string {
	return fmt.Sprintf(`{"type":"price_update","instrument":%q,"price":%s,"ts":%d}`, room, price, ts)
}

func textOf(m protocol.ClientMessage) string {
	text, _ := protocol.TextOf(m.Data)
	return text
}

func TestJoinSendsOneMessageAndReturnsItsAnswer(t *testing.T) {
	c, p := newServer(t).consumer(ConnOptions{})
	async(t, func() {
		if got, want := p.readText(), `{"type":"join","rooms":["BTC_USDT","ETH_USDT"],"mark_empty":true,"marks":true,"id":"1"}`; got != want {
			t.Errorf("server got %s\nwant %s", got, want)
		}
		p.write(
			`{"type":"joined","rooms":["BTC_USDT","ETH_USDT"],"id":"1"}`,
			`{"type":"price_update","instrument":"BTC_USDT","price":1.10,"ts":5,"snapshot":true}`,
			`{"type":"no_snapshot","room":"ETH_USDT"}`,
			price("BTC_USDT", "1.1e0", 6),
			`{"type":"conflated","room":"BTC_USDT","skipped":37}`,
			price("BTC_USDT", "0.00000000000000000000000000001234567890123456789", 7),
			`{"type":"message","room":"lobby","data":"<hi> \"you\" ☃"}`,
		)
	})
	if err := c.JoinWith(patient(t), JoinOptions{MarkEmpty: true}, "BTC_USDT", "ETH_USDT"); err != nil {
		t.Fatal(err)
	}
	expectEvent(t, c, PriceUpdate{Instrument: "BTC_USDT", Price: "1.10", TS: 5, Snapshot: true})
	expectEvent(t, c, NoSnapshot{Room: "ETH_USDT"})
	expectEvent(t, c, PriceUpdate{Instrument: "BTC_USDT", Price: "1.1e0", TS: 6})
	expectEvent(t, c, Conflated{Room: "BTC_USDT", Skipped: 37})
	expectEvent(t, c, PriceUpdate{Instrument: "BTC_USDT", Price: "0.00000000000000000000000000001234567890123456789", TS: 7})
	expectEvent(t, c, ChatMessage{Room: "lobby", Text: "<hi> \"you\" ☃"})
}

func TestJoinListsRejectedRooms(t *testing.T) {
	c, p := newServer(t).consumer(ConnOptions{})
	async(t, func() {
		m := p.expect(protocol.TypeJoin)
		if !slices.Equal(m.Rooms, []string{"A", "B"}) {
			t.Errorf("server got %v, want the two valid names", m.Rooms)
		}
		p.answer(protocol.ServerMessage{Type: protocol.TypeJoined, ID: m.ID, Rooms: []string{"A"},
			Rejected: []protocol.Rejected{{Room: "B", Code: protocol.CodeTooManyRooms, Message: "limit"}}})
		m = p.expect(protocol.TypeJoin)
		p.answer(protocol.ServerMessage{Type: protocol.TypeError, ID: m.ID, Code: protocol.CodeRateLimited, Message: "slow down"})
	})
	err := c.Join(patient(t), "A", "no  blanks", "B")
	rejected, ok := errors.AsType[*JoinError](err)
	if !ok || len(rejected.Rejected) != 2 || rejected.Rejected[0].Room != "no  blanks" ||
		rejected.Rejected[0].Code != protocol.CodeInvalidRoom || rejected.Rejected[1].Code != protocol.CodeTooManyRooms {
		t.Fatalf("got %v", err)
	}
	err = c.Join(patient(t), "C")
	rejected, ok = errors.AsType[*JoinError](err)
	if !ok || len(rejected.Rejected) != 1 || rejected.Rejected[0] != (protocol.Rejected{Room: "C", Code: protocol.CodeRateLimited, Message: "slow down"}) {
		t.Fatalf("got %v", err)
	}
}

func TestLeave(t *testing.T) {
	c, p := newServer(t).consumer(ConnOptions{})
	async(t, func() {
		for range 3 {
			m := p.expect(protocol.TypeLeave)
			if m.Room == "B" {
				p.answer(protocol.ServerMessage{Type: protocol.TypeError, ID: m.ID, Code: protocol.CodeNotJoined, Message: "room: B"})
				continue
			}
			p.answer(protocol.ServerMessage{Type: protocol.TypeLeft, Room: m.Room, ID: m.ID})
		}
	})
	err := c.Leave(patient(t), "A", "B", "C")
	if refused, ok := errors.AsType[*RequestError](err); !ok || refused.Code != protocol.CodeNotJoined {
		t.Fatalf("got %v, want not_joined for B", err)
	}
}

func TestLeaveOfARoomNamedTwice(t *testing.T) {
	c, p := newServer(t).consumer(ConnOptions{})
	async(t, func() {
		m := p.expect(protocol.TypeLeave)
		p.answer(protocol.ServerMessage{Type: protocol.TypeLeft, Room: m.Room, ID: m.ID})
		p.pong() // nothing else was asked
	})
	if err := c.Leave(patient(t), "A", "A"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Ping(patient(t)); err != nil {
		t.Fatal(err)
	}
}

func TestSendAndPing(t *testing.T) {
	c, p := newServer(t).consumer(ConnOptions{})
	async(t, func() {
		m := p.expect(protocol.TypeMessage)
		if m.Room != "lobby" || textOf(m) != "hello" {
			t.Errorf("server got %+v", m)
		}
		p.answer(protocol.ServerMessage{Type: protocol.TypeAck, ID: m.ID})
		m = p.expect(protocol.TypeMessage)
		p.answer(protocol.ServerMessage{Type: protocol.TypeError, ID: m.ID, Code: protocol.CodeNotJoined, Message: "room"})
		p.pong()
	})
	if err := c.Send(patient(t), "lobby", "hello"); err != nil {
		t.Fatal(err)
	}
	err := c.Send(patient(t), "other", "hello")
	if refused, ok := errors.AsType[*RequestError](err); !ok || refused.Code != protocol.CodeNotJoined {
		t.Fatalf("got %v", err)
	}
	if rtt, err := c.Ping(patient(t)); err != nil || rtt <= 0 {
		t.Fatalf("ping: %v, %v", rtt, err)
	}
	for _, text := range []string{"\xff", strings.Repeat("x", protocol.MaxChatBytes+1)} {
		if _, ok := errors.AsType[*RequestError](c.Send(patient(t), "lobby", text)); !ok {
			t.Errorf("%.10q was not refused", text)
		}
	}
}

// The longest texts: what JSON does not ask to be escaped is not, and what becomes too long
// for a message is refused here, as the server would close the connection.
func TestSendOfTextsThatGrow(t *testing.T) {
	c, p := newServer(t).consumer(ConnOptions{})
	p.ws.SetReadLimit(protocol.MaxMessageBytes)
	most := protocol.MaxMessageBytes - len(`{"type":"message","room":"lobby","data":"","id":"18446744073709551615"}`)
	controls := func(size int) string { // once escaped
		return strings.Repeat("\x01", size/6) + strings.Repeat("x", size%6)
	}
	good := []string{
		strings.Repeat("<", protocol.MaxChatBytes),
		strings.Repeat("&", protocol.MaxChatBytes),
		strings.Repeat("\n", protocol.MaxChatBytes),
		strings.Repeat("\u2028", protocol.MaxChatBytes/3),
		controls(most),
	}
	async(t, func() {
		for _, text := range good {
			m := p.expect(protocol.TypeMessage)
			if got := textOf(m); got != text {
				t.Errorf("server got %d bytes of %.5q, want %d of %.5q", len(got), got, len(text), text)
			}
			p.answer(protocol.ServerMessage{Type: protocol.TypeAck, ID: m.ID})
		}
	})
	for _, text := range good {
		if err := c.Send(patient(t), "lobby", text); err != nil {
			t.Fatalf("%d bytes of %.5q: %v", len(text), text, err)
		}
	}
	for _, text := range []string{controls(most + 1), strings.Repeat("\x01", protocol.MaxChatBytes)} {
		refused, ok := errors.AsType[*RequestError](c.Send(patient(t), "lobby", text))
		if !ok || refused.Code != protocol.CodeInvalidEvent || !strings.Contains(refused.Message, "data: ") {
			t.Errorf("%d bytes of %.5q: got %v", len(text), text, refused)
		}
	}
}

func TestUnknownMessagesAreDelivered(t *testing.T) {
	c, p := newServer(t).consumer(ConnOptions{})
	for _, text := range []string{
		`{"type":"order_book","bids":[]}`,
		`{"type":"price_update","instrument":"A","price":1}`,
		`{"type":"price_update","price":1,"ts":2}`,
		`{"type":"message","room":"lobby"}`,
		`not json`,
	} {
		p.write(text)
		ev, ok := nextEvent(t, c).(Unknown)
		if !ok || string(ev.Raw) != text {
			t.Errorf("%s: got %#v", text, ev)
		}
	}
	p.write(`{"type":"error","code":"rate_limited","message":"slow down"}`)
	expectEvent(t, c, &RequestError{Code: protocol.CodeRateLimited, Message: "slow down", Index: -1})
}

func TestFragmentedMessageAndPingBetween(t *testing.T) {
	c, p := newServer(t).consumer(ConnOptions{})
	async(t, func() { p.untilGone() }) // for the pong
	w, err := p.ws.Writer(patient(t), websocket.MessageText)
	if err != nil {
		t.Fatal(err)
	}
	text := price("A", "1", 2)
	for _, part := range []string{text[:10], text[10:]} {
		if _, err := w.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
		if err := p.ws.Ping(patient(t)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	expectEvent(t, c, PriceUpdate{Instrument: "A", Price: "1", TS: 2})
}

// A consumer that does not read must stop the server's writing, after the buffer and
// no more, and must not be taken for a dead connection.
func TestSlowConsumerPushesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newPipeServer(t)
		const buffer = 10
		c, p := s.consumer(ConnOptions{Buffer: buffer})
		written := 0
		async(t, func() {
			for i := range 100 {
				p.write(price("A", "1", int64(i)))
				written++
			}
		})
		synctest.Wait()
		// Besides the buffer, one event is in the reader's hand and one read buffer is full.
		if limit := buffer + 1 + 4096/len(price("A", "1", 0)); written > limit || written < buffer {
			t.Fatalf("%d events were read of a program that takes none, want at most %d", written, limit)
		}
		time.Sleep(time.Minute) // of fake time, past every timeout
		for i := range 100 {
			expectEvent(t, c, PriceUpdate{Instrument: "A", Price: "1", TS: int64(i)})
		}
	})
}

// The goroutine that empties the buffer may call Join: the answer gets past a full buffer.
func TestJoinFromTheEventLoop(t *testing.T) {
	c, p := newServer(t).consumer(ConnOptions{Buffer: 4})
	const before = 50
	async(t, func() {
		m := p.expect(protocol.TypeJoin)
		for i := range before {
			p.write(price("A", "1", int64(i)))
		}
		p.answer(protocol.ServerMessage{Type: protocol.TypeJoined, Rooms: m.Rooms, ID: m.ID})
		p.write(price("B", "1", before))
	})
	if err := c.Join(patient(t), "B"); err != nil {
		t.Fatal(err)
	}
	for i := range before {
		expectEvent(t, c, PriceUpdate{Instrument: "A", Price: "1", TS: int64(i)})
	}
	expectEvent(t, c, PriceUpdate{Instrument: "B", Price: "1", TS: before})
}

func TestEventsBehindAnAbandonedCallAreDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newPipeServer(t).consumer(ConnOptions{Buffer: 2})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		async(t, func() {
			p.expect(protocol.TypePing) // and no answer
			for i := range 20 {
				p.write(price("A", "1", int64(i)))
			}
			p.untilGone()
		})
		if _, err := c.Ping(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v", err)
		}
		for i := range 20 {
			expectEvent(t, c, PriceUpdate{Instrument: "A", Price: "1", TS: int64(i)})
		}
	})
}
