package transport

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"backbone/internal/hub"
)

const maxAge = 500 * time.Millisecond

func fresh(o *Options) { o.Limits.MaxAge = maxAge }

// onBoth runs a test over net.Pipe in a bubble, where each WritePump has a goroutine, and over TCP
// in real time, where writers do its work.
func onBoth(t *testing.T, s settings, test func(*testing.T, *instance)) {
	t.Run("pipes", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { test(t, onPipes(t, s)) })
	})
	t.Run("TCP", func(t *testing.T) {
		t.Parallel()
		test(t, onTCP(t, s))
	})
}

func TestASlowReaderBehindAProxyReadsYoungPrices(t *testing.T) {
	onBoth(t, settings{change: fresh}, func(t *testing.T, i *instance) {
		d := i.distant(joinFive)
		d.rate = 50_000
		end := i.feed(2 * time.Millisecond) // some 200 KB/s
		d.read(t, 3*time.Second)
		if i.hub.Stats().LagsAge == 0 {
			t.Error("it does not lag because of age")
		}
		for looks := 1; ; looks++ {
			before := d.h.prices
			d.oldest, d.old = 0, 0
			d.read(t, 2*time.Second)
			if most := (d.h.prices - before) / 2; d.old <= most && (d.old == 0 || !isPipes(i)) && d.h.prices >= 100 {
				break
			}
			if isPipes(i) || looks == 10 { // a busy machine reads more slowly, and what was under way takes longer
				t.Errorf("%d of %d prices were too old, one %v", d.old, d.h.prices-before, d.oldest)
				break
			}
		}
		n := end()
		d.rate = 0
		for range 20 {
			d.read(t, time.Second)
			if d.h.prices+int(d.h.skipped) == n && i.hub.Stats().Lagging == 0 {
				break
			}
		}
		if got := d.h.prices + int(d.h.skipped); got != n {
			t.Errorf("%d prices and %d skipped of %d", d.h.prices, d.h.skipped, n)
		}
		if s := i.hub.Stats(); s.Lagging > 0 {
			t.Error("it has everything and still lags")
		}
		count, sum, _ := i.server.Ages().Read()
		if count < 10 || sum/float64(count) > 1 {
			t.Errorf("%d marks were answered, %.1f s in all", count, sum)
		}
	})
}

// What is less than the limit in bytes and reaches the reader in time is never left out.
func TestABurstToAReaderAtFullSpeedLosesNothing(t *testing.T) {
	burst := func(t *testing.T, i *instance, inTime time.Duration) {
		d := i.distant(joinFive)
		d.read(t, 100*time.Millisecond)
		p := i.ingest.Publisher("p", "")
		for range 2000 {
			if _, err := p.Publish([]hub.BroadcastEvent{{Room: "R0", Payload: price("R0", "1"), Kind: hub.State}}); err != nil {
				t.Fatal(err)
			}
		}
		for began := time.Now(); d.h.prices < 2000 && time.Since(began) < inTime; {
			d.read(t, 100*time.Millisecond)
		}
		if d.h.prices != 2000 || d.h.skipped > 0 {
			t.Errorf("%d prices, %d skipped", d.h.prices, d.h.skipped)
		}
	}
	t.Run("pipes", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { burst(t, onPipes(t, settings{change: fresh}), maxAge) })
	})
	t.Run("TCP", func(t *testing.T) { // on a busy machine
		const long = 20 * time.Second
		burst(t, onTCP(t, settings{change: func(o *Options) { o.Limits.MaxAge = long }}), long)
	})
}

func TestWithoutAMaxAgeThereAreNoMarks(t *testing.T) {
	onBoth(t, settings{}, func(t *testing.T, i *instance) {
		d := i.distant(strings.Replace(joinFive, "}", `,"marks":true}`, 1))
		end := i.feed(time.Millisecond)
		d.read(t, 500*time.Millisecond)
		if n := end(); d.pings > 0 || d.marks > 0 || d.h.prices == 0 {
			t.Errorf("%d pings, %d marks, %d prices of %d", d.pings, d.marks, d.h.prices, n)
		}
	})
}

func TestAnIdleConnectionGetsNoMarks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{change: fresh})
		d := i.distant(joinFive)
		d.read(t, 24*time.Second)
		if d.pings != 1 {
			t.Errorf("%d pings, want the one behind joined", d.pings)
		}
	})
}
