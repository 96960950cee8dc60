package transport

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"

	"backbone/internal/hub"
	"backbone/protocol"
)

func TestSilentClientIsPingedThenClosed(t *testing.T) {
	for _, path := range []string{protocol.PathConsume, protocol.PathIngest} {
		synctest.Test(t, func(t *testing.T) {
			i := onPipes(t, settings{})
			p, begin := i.connect(path), time.Now()
			p.want(ws.OpPing, "p")
			at(t, begin, 25*time.Second)
			p.closed(protocol.CloseSlowConsumer)
			at(t, begin, 35*time.Second)
			p.ended()
			at(t, begin, 35*time.Second+lingerTimeout)
			i.waitIdle(time.Second)
			if n := i.counts()["closes_total 4408"]; n != 1 {
				t.Errorf("4408 was counted %d times", n)
			}
		})
	}
}

// at fails unless just this time has passed.
func at(t *testing.T, begin time.Time, want time.Duration) {
	t.Helper()
	if got := time.Since(begin); got != want {
		t.Fatalf("%v have passed, want %v", got, want)
	}
}

func TestAnyFrameCountsAsLife(t *testing.T) {
	for name, bytes := range map[string][]byte{
		"text":     masked(ws.OpText, `{"type":"ping"}`),
		"bad text": masked(ws.OpText, `?`),
		"ping":     masked(ws.OpPing, "x"),
		"pong":     masked(ws.OpPong, ""),
		"fragment": encode(false, ws.OpText, `{"type":`),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := onPipes(t, settings{})
				p, begin := i.consumer(), time.Now()
				pings := make(chan time.Duration, 10)
				go func() {
					for {
						op, _, err := p.next()
						if err != nil {
							close(pings)
							return
						}
						if op == ws.OpPing {
							pings <- time.Since(begin)
						}
					}
				}()
				elapse(20 * time.Second)
				p.raw(bytes) // before the ping, which then comes at 45 s
				if ping := <-pings; ping != 45*time.Second {
					t.Errorf("pinged after %v", ping)
				}
				elapse(9 * time.Second)
				if name == "fragment" {
					bytes = encode(false, ws.OpContinuation, "")
				}
				p.raw(bytes) // after it, which saves the connection
				if ping := <-pings; ping != 79*time.Second {
					t.Errorf("pinged again after %v", ping)
				}
				p.Close()
				<-pings
				i.waitIdle(time.Second)
			})
		})
	}
}

func TestBytesWithoutAFrameAreNoLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{})
		p, begin := i.consumer(), time.Now()
		go func() {
			for _, b := range masked(ws.OpText, `{"type":"ping","id":"a message that never ends"}`) {
				if _, err := p.Write([]byte{b}); err != nil {
					return
				}
				elapse(time.Second)
			}
		}()
		p.want(ws.OpPing, "p")
		at(t, begin, 25*time.Second)
		p.closed(protocol.CloseSlowConsumer)
		at(t, begin, 35*time.Second)
	})
}

func TestWaitingForIngestIsNotTheClientsSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck := make(chan []hub.BroadcastEvent)
		i := onPipes(t, settings{hubEvents: stuck})
		p := i.ingestor()
		p.send(price("A", "1"), price("A", "2")) // ingest waits with the first, the ReadPump with the second
		elapse(5 * time.Minute)
		<-stuck
		<-stuck
		begin := time.Now()
		p.want(ws.OpPing, "p")
		at(t, begin, 25*time.Second)
		p.raw(masked(ws.OpPong, ""))
		p.silent(24 * time.Second)
	})
}

func TestWaitingForTheWritePumpIsNotTheClientsSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{change: func(o *Options) { o.Limits.WriteTimeout = time.Hour }})
		p := i.consumer()
		const requests = 1 + replyPlaces + 1 // one is written, one waits in the ReadPump
		for range requests {
			p.send(`?`)
		}
		elapse(5 * time.Minute)
		for range requests {
			if op, text, err := p.next(); op != ws.OpText || err != nil {
				t.Fatalf("got %#x %q %v", op, text, err)
			}
		}
		begin := time.Now()
		p.want(ws.OpPing, "p")
		at(t, begin, 25*time.Second)
	})
}
