package memory

import (
	"bytes"
	"context"
	"log/slog"
	"math"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Newcomers are refused from one share of the limit on, and let in below a lower one, so that it
// does not change all the time.
func TestShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var text bytes.Buffer
		var need atomic.Int64
		l := &Limit{bytes: 1000, need: need.Load, log: slog.New(slog.NewTextHandler(&text, nil))}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			l.Run(ctx)
		}()
		for _, step := range []struct {
			need  int64
			short bool
		}{{799, false}, {800, true}, {700, true}, {799, true}, {699, false}, {799, false}, {5000, true}} {
			need.Store(step.need)
			time.Sleep(lookEvery)
			synctest.Wait()
			if l.Short() != step.short || l.Used() != step.need {
				t.Errorf("with %d of 1000: short %v, used %d", step.need, l.Short(), l.Used())
			}
		}
		stop()
		<-ended
		if n := strings.Count(text.String(), "\n"); n != 3 {
			t.Errorf("the log has %d lines:\n%s", n, &text)
		}
	})
}

func TestNone(t *testing.T) {
	l := New(0, nil)
	l.Run(t.Context())
	if l.Short() || l.Used() != 0 {
		t.Error("no limit limits")
	}
}

// What lives counts, garbage does not. The runtime gets a limit, unless it has one.
func TestNeeded(t *testing.T) {
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(math.MaxInt64))
	if New(1000<<20, nil); debug.SetMemoryLimit(-1) != 1000<<20/100*forRuntime {
		t.Errorf("the runtime has a limit of %d", debug.SetMemoryLimit(-1))
	}
	if New(500<<20, nil); debug.SetMemoryLimit(-1) != 1000<<20/100*forRuntime {
		t.Errorf("the limit that was set is now %d", debug.SetMemoryLimit(-1))
	}
	const size = 64 << 20
	runtime.GC()
	before := needed()
	kept := make([]byte, size)
	runtime.GC()
	if n := needed() - before; n < size*9/10 || n > size*11/10 {
		t.Errorf("%d bytes live and %d count", size, n)
	}
	runtime.KeepAlive(kept)
	runtime.GC()
	if n := needed() - before; n > size/10 {
		t.Errorf("nothing lives and %d count", n)
	}
}
