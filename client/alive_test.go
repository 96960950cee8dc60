package client

import (
	"errors"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// ingestorUntilDown is an ingestor whose end nobody reads, and what says that it gave up a connection.
func ingestorUntilDown(t *testing.T, s *server, o Options) (*Ingestor, *peer, chan Disconnected) {
	down := make(chan Disconnected, 100)
	in, p := s.ingestor(IngestorOptions{Options: o, OnEvent: func(ev Event) {
		if d, ok := ev.(Disconnected); ok {
			down <- d
		}
	}})
	return in, p, down
}

func expectUp(t *testing.T, down chan Disconnected) {
	t.Helper()
	select {
	case d := <-down:
		t.Errorf("given up: %v", d.Err)
	default:
	}
}

func TestPublisherHeldBackByTheServerIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, p, down := ingestorUntilDown(t, newPipeServer(t), Options{})
		async(t, func() {
			for in.Publish(t.Context(), update(1)) == nil && len(down) == 0 {
			}
		})
		// The 256 messages that wait go into one write, of which the server takes 4 KiB in 11 s. That it
		// does is the only sign of life.
		for range 2000 {
			time.Sleep(200 * time.Millisecond) // of fake time
			if _, _, err := p.ws.Read(t.Context()); err != nil {
				t.Error(err)
				break
			}
		}
		expectUp(t, down)
		in.s.stop(ErrClosed)
	})
}

// A frame that the library sends by itself closes a connection that takes more than five seconds for it.
func TestAPingToASlowServerEndsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, p, down := ingestorUntilDown(t, newPipeServer(t), Options{IdleTimeout: 5 * time.Second, PingTimeout: time.Minute})
		time.Sleep(50 * time.Second) // of fake time: for 45 of them the server takes no ping
		expectUp(t, down)
		async(t, func() { p.untilGone() }) // answers pings
		time.Sleep(time.Hour)
		expectUp(t, down)
		in.s.stop(ErrClosed)
	})
}

func TestAPingOfAServerThatReadsSlowlyEndsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, p, down := ingestorUntilDown(t, newPipeServer(t), Options{IdleTimeout: time.Minute})
		if err := in.Publish(t.Context(), update(1)); err != nil {
			t.Fatal(err)
		}
		pong := make(chan error, 1)
		async(t, func() { pong <- p.ws.Ping(t.Context()) })
		time.Sleep(30 * time.Second) // of fake time: the price goes no further, and so the answer
		expectUp(t, down)
		async(t, func() { p.untilGone() })
		if err := <-pong; err != nil {
			t.Error(err)
		}
		expectUp(t, down)
		in.s.stop(ErrClosed)
	})
}

// A socket wakes a writer when a third of its buffer is free, as Linux does. What is tried before goes
// into the room there is.
type socket struct {
	net.Conn
	room atomic.Int64
	due  atomic.Pointer[time.Time]
}

func (s *socket) SyscallConn() (syscall.RawConn, error) { return nil, syscall.ENOTSUP }

const socketBuffer = 1 << 20

func (s *socket) SetWriteDeadline(t time.Time) error { s.due.Store(&t); return nil }

func (s *socket) Write(p []byte) (n int, err error) {
	for {
		took := min(int64(len(p)), s.room.Load())
		s.room.Add(-took)
		n += int(took)
		if p = p[took:]; len(p) == 0 {
			return n, nil
		}
		for s.room.Load() < socketBuffer/3 {
			if due := s.due.Load(); due != nil && time.Now().After(*due) {
				return n, os.ErrDeadlineExceeded
			}
			time.Sleep(10 * time.Millisecond) // of fake time
		}
	}
}

func TestASocketWithALargeBufferShowsThatItsPeerLives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(socket)
		s.room.Store(100)
		w := newWireConn(s)
		sent := make(chan error, 1)
		write := func() {
			_, err := w.Write(make([]byte, maxHeld))
			sent <- err
		}
		go write()
		time.Sleep(30 * time.Second) // of fake time: nothing goes but into the room that there was
		if silence := w.silence(); silence < 30*time.Second {
			t.Errorf("something was heard %v ago of a peer that takes nothing", silence)
		}
		for range 300 {
			s.room.Add(100) // taken by the peer: a third of the buffer in two hours
			time.Sleep(2*lookAtWrite + 100*time.Millisecond)
			if silence := w.silence(); silence > 2*lookAtWrite {
				t.Errorf("nothing was heard for %v of a peer that takes 100 bytes every two seconds", silence)
				break
			}
		}
		s.room.Store(socketBuffer)
		if err := <-sent; err != nil {
			t.Error(err)
		}

		// crypto/tls bounds its last write to a peer that takes nothing.
		s.room.Store(0)
		if err := w.SetWriteDeadline(time.Now().Add(5 * time.Second)); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		go write()
		if err := <-sent; !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) > 6*time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
	})
}
