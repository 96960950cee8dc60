package transport

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"

	"backbone/internal/rates"
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

// A client that has its answer was accepted, however soon it closes.
func TestAClientThatClosesAtOnceWasAccepted(t *testing.T) {
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			i := onPipes(t, settings{})
			for range 4 {
				i.consumer().Close()
			}
			synctest.Wait()
			s := i.counts()
			if s["connections_accepted_total"] != 4 || s["handshakes_refused_total other"] != 0 || s["connections CONSUMER"] != 0 {
				t.Errorf("%v accepted, %v refused, %v open", s["connections_accepted_total"], s["handshakes_refused_total other"], s["connections CONSUMER"])
			}
		})
	}
}

func TestDrainRefusesWhileItKeeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{})
		p := i.consumer()
		if i.server.draining.Load() {
			t.Error("draining from the start")
		}
		drained := make(chan struct{})
		go func() {
			i.server.Drain(t.Context(), time.Minute)
			close(drained)
		}()
		synctest.Wait()
		answer, body := i.ask(upgradeTo("/ws") + "\r\n")
		if answer.StatusCode != 503 || answer.Header.Get("Retry-After") != "1" || body != "the server is stopping" || !i.server.draining.Load() {
			t.Errorf("%s %v %q", answer.Status, answer.Header, body)
		}
		if answer, _ := i.ask("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"); answer.StatusCode != 404 { // the test's handler knows nothing
			t.Error(answer.Status)
		}
		p.raw(masked(ws.OpPing, "still there"))
		p.want(ws.OpPong, "still there")
		p.Close()
		<-drained // although the window is not over
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

func TestAFewFramesWithoutTextAreWithinNoRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{})
		p := i.consumer()
		for range 100 {
			p.raw(masked(ws.OpPing, "x"))
			p.want(ws.OpPong, "x")
		}
		if n := i.counts()["requests_refused_total rate_limited"]; n != 0 {
			t.Errorf("%d are past the rate", n)
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
						if !strings.HasSuffix(text, "too many messages past the rate") {
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

// Answers to marks that were never sent count as messages, however their numbers rise.
func TestAnswersToMarksThatWereNotSentCount(t *testing.T) {
	for name, frame := range map[string]func(number uint64) []byte{
		"pongs": func(n uint64) []byte {
			return masked(ws.OpPong, string(binary.BigEndian.AppendUint64(nil, n)))
		},
		"messages": func(n uint64) []byte { return masked(ws.OpText, fmt.Sprintf(`{"type":"marked","n":%d}`, n)) },
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, settings{change: func(o *Options) { fresh(o); o.Limits.MaxMessageRate = rates.PerSecond(10) }}, func(t *testing.T, i *instance) {
				p := i.consumer()
				go func() {
					for n := range uint64(100) {
						p.Write(frame(n + 10))
					}
					p.Write(masked(ws.OpText, `{"type":"ping","id":"last"}`))
				}()
				for {
					_, text, err := p.next()
					if err != nil {
						t.Fatal(err)
					}
					if strings.Contains(text, `"id":"last"`) { // the pong, or that it is too much
						break
					}
				}
				if n := i.counts()["requests_refused_total rate_limited"]; n < 10 {
					t.Errorf("%d are past the rate", n)
				}
			})
		})
	}
}

// A client that is past the rate now and then is not closed for what adds up over months.
func TestFramesWithoutTextAreForgiven(t *testing.T) {
	for name, round := range map[string]func(*peer){
		"by slower ones": func(p *peer) {
			p.raw(bytes.Repeat(masked(ws.OpPing, "x"), 3))
			elapse(3 * time.Second)
		},
		"by good messages": func(p *peer) {
			p.send(`{"type":"ping"}`)
			p.send(`{"type":"ping"}`)
			p.raw(masked(ws.OpPing, "x"))
			elapse(time.Second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := onPipes(t, settings{change: func(o *Options) { o.Limits.MaxMessageRate, o.Limits.MaxBadMessages = rates.PerSecond(2), 70 }})
				p := i.consumer()
				go io.Copy(io.Discard, p)
				for range 100 {
					round(p)
				}
				if n := i.counts()["connections CONSUMER"]; n != 1 {
					t.Errorf("%d connections are open", n)
				}
				if n := i.counts()["requests_refused_total rate_limited"]; n < 100 {
					t.Errorf("%d frames were past the rate: the test does not test what it should", n)
				}
			})
		})
	}
}

// What is within the rate does not excuse a flood.
func TestAFloodOfFramesWithoutTextIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{})
		p := i.consumer()
		go io.Copy(io.Discard, p)
		for range 500 { // 5,000 a second, for longer than the server lingers
			if _, err := p.Write(bytes.Repeat(masked(ws.OpPing, ""), 50)); err != nil {
				i.waitIdle(time.Minute)
				return
			}
			elapse(10 * time.Millisecond)
		}
		t.Error("the connection is still open")
	})
}

// The server asks for the pong of its own ping, so that costs no message; a second one does.
func TestTheAnswerToAPingCostsNoMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{change: func(o *Options) { o.Limits.MaxMessageRate = rates.PerSecond(1) }})
		p := i.consumer()
		for range 3 {
			p.want(ws.OpPing, "p")
			p.raw(append(masked(ws.OpPong, "p"), masked(ws.OpText, `{"type":"ping"}`)...))
			if _, text, err := p.next(); err != nil || pongless(text) != `{"type":"pong","ts":T}` {
				t.Fatalf("got %s %v", text, err)
			}
		}
		elapse(time.Second)
		p.raw(append(masked(ws.OpPong, "p"), masked(ws.OpText, `{"type":"ping"}`)...))
		if _, text, err := p.next(); err != nil || !strings.Contains(text, `"code":"rate_limited"`) {
			t.Errorf("got %s %v", text, err)
		}
	})
}

// batch is an array of so many prices, each with an id.
func batch(n int) string {
	var events []string
	for k := range n {
		events = append(events, fmt.Sprintf(`{"type":"price_update","instrument":"I%d","price":1,"ts":1,"id":"%d"}`, k, k))
	}
	return "[" + strings.Join(events, ",") + "]"
}

// An ingestor that sends more than its rate is slowed, and loses nothing: neither the end of a batch
// larger than the burst, nor what it sends one by one.
func TestAnIngestorPastItsRateIsSlowed(t *testing.T) {
	for name, send := range map[string]func(*peer){
		"a batch": func(p *peer) { p.Write(masked(ws.OpText, batch(300))) },
		"one by one": func(p *peer) {
			for _, event := range strings.SplitAfter(strings.Trim(batch(300), "[]"), "},") {
				p.Write(masked(ws.OpText, strings.TrimSuffix(event, ",")))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := onPipes(t, settings{change: func(o *Options) { o.Limits.MaxIngestRate = rates.PerSecond(100) }})
				p, begin := i.ingestor(), time.Now()
				go send(p)
				for n := range 300 {
					p.hears(fmt.Sprintf(`{"type":"ack","id":"%d"}`, n))
					most := time.Duration(n-99) * 10 * time.Millisecond
					if late := time.Since(begin) - max(most, 0); late < -2*minDelay || late > minDelay {
						t.Fatalf("event %d is accepted after %v", n, time.Since(begin))
					}
				}
				if s := i.counts(); s["requests_refused_total rate_limited"] != 0 || s["delays_total"] < 100 || s["delays_total"] > 200 {
					t.Errorf("%v", s)
				}
			})
		})
	}
}

// An ingestor that is slowed for long hears that the server lives, and its end and that of the
// server do not wait.
func TestASlowedIngestorEnds(t *testing.T) {
	slowed := func(t *testing.T) (*instance, *peer) {
		i := onPipes(t, settings{change: func(o *Options) { o.Limits.MaxIngestRate = rates.PerSecond(1) }})
		p := i.ingestor()
		p.send(strings.ReplaceAll(batch(200), `,"id"`, `,"data":{},"id"`))
		p.hears(`{"type":"ack","id":"0"}`)
		return i, p
	}
	t.Run("by the server", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			i, _ := slowed(t)
			begin := time.Now()
			i.endServe()
			<-i.served
			at(t, begin, 0)
		})
	})
	t.Run("drained", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			i, p := slowed(t)
			i.hub.CloseAll()
			for {
				op, _, err := p.next()
				if err != nil {
					t.Fatal(err)
				}
				if op == ws.OpClose {
					break
				}
			}
			begin := time.Now()
			p.Close()
			i.waitIdle(time.Minute)
			at(t, begin, 0)
		})
	})
	t.Run("reassured", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			i := onPipes(t, settings{change: func(o *Options) { o.Limits.MaxIngestRate = rates.PerSecond(1) }})
			p, pongs := i.ingestor(), 0
			begin := time.Now()
			p.send(strings.ReplaceAll(batch(61), `"id"`, `"no"`)) // errors without an id
			for n := 0; n < 61; {
				op, _, err := p.next()
				if err != nil {
					t.Fatal(err)
				}
				if op == ws.OpPong {
					pongs++
				} else {
					n++
				}
			}
			at(t, begin, time.Minute)
			if pongs != 12 {
				t.Errorf("%d pongs in a minute", pongs)
			}
		})
	})
}

// Short delays with reading in between are nothing to be reassured of, however many they are.
func TestAShortDelayIsNoLongOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{change: func(o *Options) { o.Limits.MaxIngestRate, o.Limits.PingInterval = rates.PerSecond(50), time.Hour }})
		p := i.ingestor()
		for range 10 {
			go p.Write(masked(ws.OpText, batch(52)))
			for range 52 {
				if op, text, err := p.next(); op != ws.OpText || err != nil {
					t.Fatalf("heard %v %q %v", op, text, err)
				}
			}
			elapse(3 * time.Second)
		}
		if n := i.counts()["delays_total"]; n < 10 {
			t.Errorf("delayed %d times", n)
		}
	})
}

// A consumer that sends more than its rate is refused, and closed where that does not end, though
// some of what it sends is within the rate.
func TestAConsumerPastItsRateIsRefusedAndClosed(t *testing.T) {
	for times, want := range map[int]bool{1: false, 3: true, 50: true} {
		t.Run(fmt.Sprintf("%d times", times), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := onPipes(t, settings{change: func(o *Options) { o.Limits.MaxMessageRate, o.Limits.MaxBadMessages = rates.PerSecond(10), 100 }})
				p := i.consumer()
				go io.Copy(io.Discard, p)
				closed := false
				for range 600 { // a minute
					if _, err := p.Write(bytes.Repeat(masked(ws.OpText, `{"type":"ping"}`), times)); err != nil {
						closed = true
						break
					}
					elapse(100 * time.Millisecond)
				}
				if closed != want {
					t.Errorf("%d times the rate: closed %v", times, closed)
				}
				p.Close()
				i.waitIdle(time.Minute)
				if n := i.counts()["closes_total 4429"]; n > 0 != want {
					t.Errorf("closed %d times", n)
				}
			})
		})
	}
}
