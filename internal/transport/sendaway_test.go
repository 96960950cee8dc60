package transport

import (
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"backbone/protocol"
)

// A stop tells who has sent a request when to connect elsewhere, and closes all over the window.
func TestADrainTellsAndClosesOverTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{})
		producer, silent := i.ingestor(), i.consumer()
		producer.send(`{"type":"ping"}`)
		_, _, _ = producer.next() // the pong
		peers := []*peer{producer}
		for range 9 {
			p := i.consumer()
			p.join("A")
			peers = append(peers, p)
		}
		begin := time.Now()
		go i.server.Drain(t.Context(), 10*time.Second)
		closed := make(chan time.Duration, len(peers))
		for _, p := range peers {
			go func() {
				defer func() { closed <- time.Since(begin) }() // also if it fails
				_, text, err := p.next()
				told := time.Since(begin)
				after, ok := strings.CutPrefix(text, `{"type":"draining","reconnect_after_ms":`)
				ms, bad := strconv.Atoi(strings.TrimSuffix(after, "}"))
				if err != nil || !ok || bad != nil || told != 0 {
					t.Errorf("after %v it got %s, %v", told, text, err)
				}
				p.closed(protocol.CloseRestart)
				if late := time.Since(begin) - time.Duration(ms)*time.Millisecond; late < 5*time.Second || late > 5*time.Second+time.Millisecond {
					t.Errorf("closed %v after it was to connect elsewhere", late)
				}
				p.Close()
			}()
		}
		silent.closed(protocol.CloseRestart) // and nothing before
		silent.Close()
		var all []time.Duration
		for range peers {
			all = append(all, <-closed)
		}
		for n, at := range all {
			if n > 0 && at-all[n-1] < 400*time.Millisecond {
				t.Errorf("closed in a heap: %v", all)
			}
		}
		if n := i.counts()["drain_warnings_total"]; n != len(peers) {
			t.Errorf("%d warnings were counted, want %d", n, len(peers))
		}
		i.waitIdle(time.Second)
	})
}

func TestAConnectionThatIsOldEnoughIsSentAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{change: func(o *Options) { o.MaxConnectionAge, o.Limits.PingInterval = time.Minute, time.Hour }})
		begin := time.Now()
		p, gone := i.consumer(), i.consumer()
		p.join("A")
		gone.Close()
		p.hears(`{"type":"draining","reconnect_after_ms":0}`)
		told := time.Since(begin)
		if told < 54*time.Second || told > 66*time.Second {
			t.Errorf("told after %v", told)
		}
		if _, text, err := p.next(); err != nil || text != "\x03\xf4the connection is as old as it may be: connect again" {
			t.Errorf("closed with %q, %v", text, err)
		}
		if after := time.Since(begin) - told; after != 5*time.Second {
			t.Errorf("closed %v later", after)
		}
		next := i.consumer() // others may come
		next.join("A")
	})
}
