package transport

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"
)

func TestConnectionLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{change: func(o *Options) { o.Limits.MaxConnections, o.Limits.MaxConnectionsPerAddress = 4, 2 }})
		l := i.listener.(*pipes)
		refused := func(status int) {
			t.Helper()
			answer, body := i.ask(upgradeTo("/ws") + "\r\n")
			if answer.StatusCode != status || answer.Header.Get("Retry-After") != "1" || body == "" {
				t.Fatalf("answered with %s, Retry-After %q, %q; want %d", answer.Status, answer.Header.Get("Retry-After"), body, status)
			}
		}
		l.from = "192.0.2.1:1"
		first := i.consumer()
		l.from = "192.0.2.1:2"
		i.ingestor()
		l.from = "192.0.2.1:3"
		refused(http.StatusTooManyRequests)
		l.from = "[2001:db8::1]:1"
		i.consumer()
		i.consumer()
		refused(http.StatusServiceUnavailable) // before the address is looked at
		first.Close()
		synctest.Wait()
		refused(http.StatusTooManyRequests)
		l.from = "192.0.2.1:4"
		i.consumer()
		refused(http.StatusServiceUnavailable)
		synctest.Wait()
		s := i.counts()
		if s["handshakes_refused_total 429"] != 2 || s["handshakes_refused_total 503"] != 2 || s["connections_accepted_total"] != 5 || s["connections CONSUMER"] != 3 || s["connections INGESTOR"] != 1 {
			t.Errorf("%+v", s)
		}
	})
}

func TestDrainRefusesAndKeeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{})
		p := i.consumer()
		if i.server.Draining() {
			t.Error("draining from the start")
		}
		i.server.Drain()
		answer, body := i.ask(upgradeTo("/ws") + "\r\n")
		if answer.StatusCode != 503 || answer.Header.Get("Retry-After") != "1" || body != "the server is stopping" || !i.server.Draining() {
			t.Errorf("%s %v %q", answer.Status, answer.Header, body)
		}
		if answer, _ := i.ask("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"); answer.StatusCode != 404 { // the test's handler knows nothing
			t.Error(answer.Status)
		}
		p.raw(masked(ws.OpPing, "still there"))
		p.want(ws.OpPong, "still there")
	})
}

func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{})
		i.waitIdle(time.Second) // nobody came yet
		p, q := i.consumer(), i.consumer()
		waiting := func(d time.Duration) error {
			ctx, cancel := context.WithTimeout(context.Background(), d)
			defer cancel()
			return i.server.Wait(ctx)
		}
		if err := waiting(time.Second); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("two connections are open, and Wait returned %v", err)
		}
		two := make(chan error, 2)
		for range 2 {
			go func() { two <- waiting(time.Minute) }()
		}
		p.Close()
		synctest.Wait()
		select {
		case err := <-two:
			t.Errorf("one connection is open, and Wait returned %v", err)
		default:
		}
		q.Close()
		if err := errors.Join(<-two, <-two); err != nil {
			t.Error(err)
		}
		i.endServe()
		<-i.served
		if err := waiting(time.Second); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after Serve: %v", err)
		}
	})
}

// Frames that say nothing count as messages, and past the rate as bad ones.
func TestFramesWithoutTextCount(t *testing.T) {
	for name, frames := range map[string][]byte{
		"pings":           masked(ws.OpPing, ""),
		"pongs":           masked(ws.OpPong, "unasked"),
		"answers to none": masked(ws.OpPong, "12345678"),
		"empty fragments": encode(false, ws.OpContinuation, ""),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := onPipes(t, settings{})
				p := i.consumer()
				if name == "empty fragments" {
					p.raw(encode(false, ws.OpText, "{"))
				}
				go p.Write(bytes.Repeat(frames, 2100))
				for {
					op, text, err := p.next()
					if err != nil {
						t.Fatal("not closed with a code", err)
					}
					if op == ws.OpClose {
						if !strings.HasSuffix(text, "too many bad messages in a row") {
							t.Errorf("closed with %q", text)
						}
						break
					}
				}
				p.Close()
				i.waitIdle(time.Minute)
			})
		})
	}
}
