package client

import (
	"testing"
	"testing/synctest"

	"backbone/protocol"
)

// The goroutine that empties the buffer may call Join when the reader waits for a place
// in it already.
func TestJoinWhileTheReaderWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newPipeServer(t).consumer(Options{Buffer: 4})
		const before = 50
		async(t, func() {
			for i := range before {
				p.write(price("A", "1", int64(i)))
			}
			p.join()
		})
		synctest.Wait()
		if err := c.Join(patient(t), "B"); err != nil {
			t.Fatal(err)
		}
		for i := range before {
			expectEvent(t, c, PriceUpdate{Instrument: "A", Price: "1", TS: int64(i)})
		}
	})
}

// Each further event may have to wait until a call begins, and then must not be the last.
func TestCallsWhileTheReaderWaitsBehindWhatIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newPipeServer(t).consumer(Options{Buffer: 1})
		const rounds, each = 3, 4
		async(t, func() {
			for round := range rounds {
				for i := range each {
					p.write(price("A", "1", int64(each*round+i)))
				}
				p.pong()
			}
		})
		for range rounds {
			synctest.Wait()
			if _, err := c.Ping(patient(t)); err != nil {
				t.Fatal(err)
			}
		}
		for i := range rounds * each {
			expectEvent(t, c, PriceUpdate{Instrument: "A", Price: "1", TS: int64(i)})
		}
	})
}

// The same where it is the end of a connection that there is no place for.
func TestJoinWhileADisconnectedWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newPipeServer(t)
		c, p := s.consumer(Options{Buffer: 1})
		async(t, func() {
			p.write(price("A", "1", 0))
			p.kill()
			s.accept().join()
		})
		synctest.Wait()
		if err := c.Join(patient(t), "B"); err != nil {
			t.Fatal(err)
		}
		expectEvent(t, c, PriceUpdate{Instrument: "A", Price: "1", TS: 0})
		expectDisconnected(t, c)
		expectEvent(t, c, Connected{})
		expectEvent(t, c, Rejoined{})
	})
}

// What is kept for a caller outlives the connection that it came on.
func TestConnectionThatEndsWhileACallIsAwaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newPipeServer(t)
		c, p := s.consumer(Options{Buffer: 2})
		const before = 20
		async(t, func() {
			p.expect(protocol.TypeJoin)
			for i := range before {
				p.write(price("A", "1", int64(i)))
			}
			p.kill()
			s.accept().join()
		})
		if err := c.Join(patient(t), "B"); err != nil {
			t.Fatal(err)
		}
		for i := range before {
			expectEvent(t, c, PriceUpdate{Instrument: "A", Price: "1", TS: int64(i)})
		}
		expectDisconnected(t, c)
		expectEvent(t, c, Connected{})
	})
}
