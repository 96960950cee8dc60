package client

import (
	"errors"
	"testing"
	"testing/synctest"

	"backbone/protocol"
)

// In these tests one goroutine receives, and calls while the buffer is full, so that it
// takes nothing until it has its answer.

func expectPrices(t *testing.T, c *Conn, n int) {
	t.Helper()
	for i := range n {
		expectEvent(t, c, PriceUpdate{Instrument: "A", Price: "1", TS: int64(i)})
	}
}

func (p *peer) prices(from, to int) {
	for i := from; i < to; i++ {
		p.write(price("A", "1", int64(i)))
	}
}

func TestCallWhileTheReaderWaits(t *testing.T) {
	for name, call := range map[string]func(*testing.T, *Conn) error{
		"join":  func(t *testing.T, c *Conn) error { return c.Join(patient(t), "B") },
		"leave": func(t *testing.T, c *Conn) error { return c.Leave(patient(t), "B") },
		"send":  func(t *testing.T, c *Conn) error { return c.Send(patient(t), "B", "hello") },
		"ping":  func(t *testing.T, c *Conn) error { _, err := c.Ping(patient(t)); return err },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, p := newPipeServer(t).consumer(ConnOptions{Buffer: 4})
				async(t, func() {
					p.prices(0, 20)
					switch m := p.read(); m.Type {
					case protocol.TypeJoin:
						p.answer(protocol.ServerMessage{Type: protocol.TypeJoined, Rooms: m.Rooms, ID: m.ID})
					case protocol.TypeLeave:
						p.answer(protocol.ServerMessage{Type: protocol.TypeLeft, Room: m.Room, ID: m.ID})
					default:
						p.answer(protocol.ServerMessage{Type: protocol.TypeAck, ID: m.ID})
					}
				})
				synctest.Wait() // the buffer is full and the reader waits
				if err := call(t, c); err != nil {
					t.Fatal(err)
				}
				expectPrices(t, c, 20)
			})
		})
	}
}

func TestCallWhileKeptEventsAreUntaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newPipeServer(t).consumer(ConnOptions{Buffer: 2})
		async(t, func() {
			m := p.expect(protocol.TypePing)
			p.prices(0, 10)
			p.answer(protocol.ServerMessage{Type: protocol.TypePong, ID: m.ID})
			p.prices(10, 20)
			p.pong()
		})
		for range 2 {
			if _, err := c.Ping(patient(t)); err != nil {
				t.Fatal(err)
			}
			synctest.Wait() // the reader waits behind what was kept for the call
		}
		expectPrices(t, c, 20)
	})
}

func TestCallAfterTheConnectionBroke(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newPipeServer(t)
		c, p := s.consumer(ConnOptions{Buffer: 2})
		p.prices(0, 2)
		p.kill()
		synctest.Wait() // there is no place for Disconnected
		async(t, func() { s.accept().join() })
		if err := c.Join(patient(t), "B"); err != nil {
			t.Fatal(err)
		}
		expectPrices(t, c, 2)
		expectDisconnected(t, c)
		expectEvent(t, c, Connected{})
	})
}

func TestConnectionBreaksUnderACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newPipeServer(t)
		c, p := s.consumer(ConnOptions{Buffer: 2})
		async(t, func() {
			p.expect(protocol.TypeJoin)
			p.prices(0, 20)
			p.kill()
			s.accept().join()
		})
		if err := c.Join(patient(t), "B"); err != nil {
			t.Fatal(err)
		}
		expectPrices(t, c, 20)
		expectDisconnected(t, c)
		expectEvent(t, c, Connected{})
	})
}

func TestRefusalEndsBehindKeptEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newPipeServer(t).consumer(ConnOptions{Buffer: 2})
		async(t, func() {
			m := p.expect(protocol.TypePing)
			p.prices(0, 20)
			p.answer(protocol.ServerMessage{Type: protocol.TypePong, ID: m.ID})
			p.close(4401, "key revoked")
		})
		if _, err := c.Ping(patient(t)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		expectPrices(t, c, 20)
		if ev, ok := <-c.Events(); ok || !errors.Is(c.Err(), ErrRefused) {
			t.Errorf("got %#v and %v, want the end by refusal", ev, c.Err())
		}
	})
}

// A call that waits for the next connection hears of the refusal, whoever takes events.
func TestRefusalUnderACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newPipeServer(t).consumer(ConnOptions{Buffer: 2})
		async(t, func() {
			p.expect(protocol.TypeJoin)
			p.prices(0, 20)
			p.close(4401, "key revoked")
		})
		if err := c.Join(patient(t), "B"); !errors.Is(err, ErrRefused) {
			t.Fatalf("got %v", err)
		}
		for range c.Events() { // ends
		}
	})
}
