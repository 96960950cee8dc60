package transport

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"

	"backbone/internal/hub"
	"backbone/protocol"
)

// What a client has coming when the instance stops reaches it before the close frame,
// wherever it waits: in the client's queue, held by the hub for a place in the queue,
// or in the list of a client that lags.
func TestDrainDeliversWhatWaits(t *testing.T) {
	for name, c := range map[string]struct {
		events, queueBytes int
		conflated          bool
	}{
		"nothing":                         {0, 64 << 10, false},
		"queue":                           {5, 64 << 10, false},
		"held":                            {200, 4 << 20, false},
		"held, more than the queue takes": {9000, 4 << 20, false},
		"lag list":                        {3000, 64 << 10, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := onPipes(t, settings{queueBytes: c.queueBytes})
				p := i.consumer()
				p.join("A")
				p.join("B")
				for n := range c.events {
					i.publish(hub.State, "A", price("A", long(n)))
					if n%100 == 0 {
						i.publish(hub.Message, "B", say("B", strconv.Itoa(n)))
					}
				}
				i.hub.CloseAll()
				synctest.Wait()
				got := p.readAll()
				if got.prices+int(got.skipped) != c.events || (got.skipped > 0) != c.conflated {
					t.Errorf("of %d prices %d came and %d were left out", c.events, got.prices, got.skipped)
				}
				if want := (c.events + 99) / 100; got.chats != want {
					t.Errorf("of %d messages %d came", want, got.chats)
				}
				if c.events > 0 && got.last != long(c.events-1) {
					t.Errorf("the last price was %s", got.last)
				}
				if got.code != protocol.CloseRestart {
					t.Errorf("closed with %d", got.code)
				}
				p.raw(masked(ws.OpClose, closing(got.code, "")))
				i.waitIdle(lingerTimeout + time.Second)
				if n := i.counts()["closes_total 1012"]; n != 1 {
					t.Errorf("1012 was counted %d times", n)
				}
			})
		})
	}
}

func TestDrainDeliversRepliesAndLateJoiners(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{})
		p := i.consumer()
		p.send(`{"type":"leave","room":"A"}`, `{"type":"leave","room":"B"}`) // the answers wait for the peer to read
		i.hub.CloseAll()
		synctest.Wait()
		p.hears(`{"type":"error","code":"not_joined","message":"room: A is not joined"}`,
			`{"type":"error","code":"not_joined","message":"room: B is not joined"}`)
		p.closed(protocol.CloseRestart)
		late := i.consumer() // Drain was not called, but the hub closes it all the same
		late.closed(protocol.CloseRestart)
	})
}

// long is a price of many digits.
func long(n int) string { return strconv.Itoa(n) + "." + strings.Repeat("0", 50) }

// heard is what a peer got until it was closed.
type heard struct {
	prices, chats int
	skipped, lost uint64
	last          string // price
	code          protocol.CloseCode
}

func (p *peer) readAll() (h heard) {
	p.t.Helper()
	for {
		op, text, err := p.next()
		if err != nil {
			p.t.Fatal(err)
		}
		switch op {
		case ws.OpClose:
			h.code = protocol.CloseCode(text[0])<<8 | protocol.CloseCode(text[1])
			return h
		case ws.OpText:
			h.add(p.t, text)
		}
	}
}

func (h *heard) add(t *testing.T, text string) {
	t.Helper()
	var m protocol.ServerMessage
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatal(err)
	}
	switch m.Type {
	case protocol.TypePriceUpdate:
		h.prices++
		h.last = string(m.Price)
	case protocol.TypeMessage:
		h.chats++
	case protocol.TypeConflated:
		h.skipped += m.Skipped
	case protocol.TypeLost:
		h.lost += m.Messages
	default:
		t.Fatalf("unexpected %q", text)
	}
}
