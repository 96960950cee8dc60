package bridge

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"backbone/internal/redistest"
)

// holed is a proxy of which each connection can be made to swallow all bytes. It returns its URL, and
// what does so to the n-th connection, from 1.
func holed(t *testing.T, to *redistest.Server) (url string, swallow func(n int)) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	t.Cleanup(func() {
		_ = l.Close()
		running.Wait()
	})
	var hole atomic.Int64
	pass := func(n int, from, to net.Conn) {
		defer from.Close()
		defer to.Close()
		b := make([]byte, 64<<10)
		for {
			got, err := from.Read(b)
			if err != nil {
				return
			}
			if hole.Load() == int64(n) {
				continue
			}
			if _, err := to.Write(b[:got]); err != nil {
				return
			}
		}
	}
	running.Go(func() {
		for n := 1; ; n++ {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to.Addr()) //nolint:noctx // of this machine
			if err != nil {
				near.Close()
				continue
			}
			running.Go(func() { pass(n, near, far) })
			running.Go(func() { pass(n, far, near) })
		}
	})
	return "redis://" + l.Addr().String(), func(n int) { hole.Store(int64(n)) }
}

// A connection that nobody closes and nothing comes through is found out by itself, though the
// others work and nobody reads.
func TestOneConnectionThatIsSilentIsNoticed(t *testing.T) {
	noLeak(t)
	for name, c := range map[string]struct {
		number int
		reason string
	}{
		"publishing":  {1, "no answer in time"},
		"subscribing": {2, "no own heartbeat came back"},
		"reading":     {3, "read: ping: no answer in time"},
	} {
		t.Run(name, func(t *testing.T) {
			s := redistest.Start(t)
			url, swallow := holed(t, s)
			var limit time.Duration
			a := start(t, "A", url, func(o *Options) {
				o.Heartbeat, o.CallTimeout, o.EchoTimeout = 200*time.Millisecond, time.Second, 1500*time.Millisecond
				limit = o.Heartbeat + max(o.CallTimeout, o.EchoTimeout)
			})
			b := start(t, "B", s.URL())
			a.linked()
			b.linked()
			exchange(t, a, b, 1)
			begun := time.Now()
			swallow(c.number)
			if line := a.logged("redis is lost"); !strings.Contains(line, c.reason) {
				t.Errorf("logged %s, want %q", line, c.reason)
			}
			if took := time.Since(begun); took > limit+time.Second {
				t.Errorf("noticed after %v, want %v at most", took, limit)
			}
			a.linked()
			exchange(t, a, b, 3)
		})
	}
}

// The answers to many reads come before that to a ping, so what comes says that the connection works.
func TestAReadingConnectionThatIsBusyIsNotSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newWatched(t)
		x.conns.reading = new(firstWords)
		ended := make(chan error, 1)
		go func() { ended <- x.hears(t.Context(), make(chan error)) }()
		for range 10 {
			time.Sleep(x.shared.opts.CallTimeout - time.Millisecond) // fake time
			synctest.Wait()
			if len(ended) > 0 {
				t.Fatalf("given up while answers come: %v", <-ended)
			}
			x.conns.reading.read.Add(1)
		}
		time.Sleep(2 * x.shared.opts.CallTimeout)
		synctest.Wait()
		if len(ended) == 0 {
			t.Fatal("not given up though nothing comes")
		}
		if err := <-ended; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("given up with %v", err)
		}
	})
}

// A ping that Redis refuses is answered.
func TestARefusedPingIsAnswered(t *testing.T) {
	noLeak(t)
	y := newTalking(t, false, map[string]string{"PING": "-MISCONF the disk is full\r\n"})
	answered := make(chan error, 1)
	answered <- y.conns.ping(t.Context())
	if err := y.hears(t.Context(), answered); err != nil {
		t.Error(err)
	}
}
