package transport

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"backbone/internal/hub"
)

// One who talks without end throws nobody out and makes nobody's prices old. Who reads slowly loses
// messages, and is told how many.
func TestChatThrowsNobodyOutAndDelaysNoPrice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{change: fresh})
		d := i.distant(joinFive)
		d.rate = 25_000
		end := i.feed(100 * time.Millisecond) // some 5 KB/s
		talking, talked, messages := make(chan struct{}), make(chan struct{}), 0
		go func() { // 425 KB/s
			defer close(talked)
			p := i.ingest.Publisher("talker", "")
			for text := strings.Repeat("x", 16_000); ; messages++ {
				some := []int{1000, len(text)}[messages%2]
				select {
				case <-talking:
					return
				case <-time.After(20 * time.Millisecond):
				}
				if _, err := p.Publish([]hub.BroadcastEvent{{Room: "R0", Payload: say("R0", text[:some]), Kind: hub.Message}}); err != nil {
					t.Error(err)
				}
			}
		}()
		d.read(t, 5*time.Second)
		before := d.h
		d.oldest, d.old = 0, 0
		d.read(t, 3*time.Second)
		if d.code != 0 || i.hub.Stats().Slow > 0 {
			t.Fatalf("closed with %d because of others' messages", d.code)
		}
		prices := d.h.prices - before.prices
		if d.old > 0 || prices < 100 {
			t.Errorf("%d of %d prices were too old, one %v", d.old, prices, d.oldest)
		}
		close(talking)
		<-talked
		n := end()
		d.rate = 0
		for range 20 {
			d.read(t, time.Second)
			if d.h.chats+int(d.h.lost) == messages && d.h.prices+int(d.h.skipped) == n {
				break
			}
		}
		if got := d.h.prices + int(d.h.skipped); got != n {
			t.Errorf("%d prices and %d skipped of %d", d.h.prices, d.h.skipped, n)
		}
		if d.h.lost == 0 || d.h.chats+int(d.h.lost) != messages || i.hub.Stats().Lost != d.h.lost {
			t.Errorf("%d messages heard and %d told to be lost of %d; the hub counts %d", d.h.chats, d.h.lost, messages, i.hub.Stats().Lost)
		}
	})
}
