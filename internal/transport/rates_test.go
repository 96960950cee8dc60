package transport

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"

	"backbone/internal/rates"
	"backbone/protocol"
)

// Bad messages count for a minute, whatever good ones come in between.
func TestBadMessagesCountForAMinute(t *testing.T) {
	for name, test := range map[string]struct {
		pause  time.Duration // between two bad ones
		good   bool          // there are good ones in between
		closed bool
	}{
		"at once":          {0, false, true},
		"and good ones":    {0, true, true},
		"one every 7 s":    {7 * time.Second, false, false},
		"two in a minute ": {20 * time.Second, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := onPipes(t, settings{change: func(o *Options) { o.Limits.MaxBadMessages = 10 }})
				p := i.consumer()
				for n := range 100 {
					p.send("ping")
					op, text, err := p.next()
					for op == ws.OpPing {
						op, text, err = p.next()
					}
					if err != nil {
						t.Fatal(err)
					}
					if op == ws.OpText && n == 9 && test.closed {
						op, text, err = p.next() // behind the last error
					}
					if err != nil {
						t.Fatal(err)
					}
					if op == ws.OpClose {
						if !test.closed || n != 9 || text[2:] != "too many bad messages in a minute" {
							t.Errorf("closed after %d: %q", n+1, text[2:])
						}
						if got := i.counts()["limited_total bad_messages"]; got != 1 {
							t.Errorf("counted %d times", got)
						}
						p.Close()
						return
					}
					if test.good {
						p.send(`{"type":"ping"}`)
						p.next() //nolint:errcheck // a pong
					}
					elapse(test.pause)
				}
				if test.closed {
					t.Error("not closed")
				}
			})
		})
	}
}

// A join of more rooms than the rate allows at once is delayed and complete, and so is what comes behind.
func TestJoinsHaveARate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{change: func(o *Options) { o.Limits.MaxJoinRate = rates.Rate{PerSecond: 100, Burst: 50} }})
		p, other := i.consumer(), i.consumer()
		begin := time.Now()
		join, joined := joinOf("A", 350)
		p.send(strings.Replace(join, `,"mark_empty":true`, "", 1))
		other.send(`{"type":"join","room":"B"}`)
		other.hears(`{"type":"joined","room":"B"}`)
		at(t, begin, 0)
		p.hears(joined)
		at(t, begin, 3*time.Second)
		p.send(`{"type":"join","room":"B"}`)
		p.hears(`{"type":"joined","room":"B"}`)
		at(t, begin, 3010*time.Millisecond)
		if n := i.counts()["limited_total join_rate"]; n != 2 {
			t.Errorf("counted %d", n)
		}
	})
}

// Bytes have a rate of each role. Who sends more is read more slowly, and nothing is lost.
func TestBytesHaveARate(t *testing.T) {
	for role, limit := range map[protocol.Role]string{protocol.Consumer: limitBytes, protocol.Ingestor: limitIngestBytes} {
		t.Run(string(role), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rate := rates.Rate{PerSecond: 1000, Burst: 2000}
				i := onPipes(t, settings{change: func(o *Options) {
					if role == protocol.Consumer {
						o.Limits.MaxMessageByteRate = rate
					} else {
						o.Limits.MaxIngestByteRate = rate
					}
				}})
				p := i.consumer()
				if role == protocol.Ingestor {
					p = i.ingestor()
				}
				begin := time.Now()
				text := fmt.Sprintf(`{"type":"ping","id":"%s"}`, strings.Repeat("x", 60))
				frame := masked(ws.OpText, text)
				n := 20_000 / len(frame)
				go p.Write(bytes.Repeat(frame, n))
				for heard := 0; heard < n; {
					if op, _, err := p.next(); err != nil {
						t.Fatal(err)
					} else if op == ws.OpText {
						heard++
					}
				}
				p.send(`{"type":"ping","id":"last"}`)
				for {
					if op, text, err := p.next(); err != nil {
						t.Fatal(err)
					} else if op == ws.OpText && strings.Contains(text, "last") {
						break
					}
				}
				if took := time.Since(begin); took < 17*time.Second || took > 19*time.Second {
					t.Errorf("20 KB took %v", took)
				}
				if i.counts()["limited_total "+limit] == 0 {
					t.Error("not counted")
				}
			})
		})
	}
}

// Chat has a rate of its own: past it a message is refused, and all else goes on.
func TestChatHasARate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{change: func(o *Options) { o.Limits.MaxChatRate = rates.Rate{PerSecond: 1, Burst: 2} }})
		p := i.consumer()
		p.join("A")
		for range 2 {
			p.send(say("A", "x"))
			p.hears(say("A", "x"))
		}
		p.send(`{"type":"message","room":"A","data":"x","id":"3"}`)
		p.hears(`{"type":"error","code":"rate_limited","message":"type: more than 1 messages to others a second","id":"3"}`)
		p.send(`{"type":"leave","room":"A"}`)
		p.hears(`{"type":"left","room":"A"}`)
		p.join("A")
		elapse(time.Second)
		p.send(say("A", "y"))
		p.hears(say("A", "y"))
		if n := i.counts()["limited_total chat_rate"]; n != 1 {
			t.Errorf("counted %d", n)
		}
	})
}

// Rooms that others are in can be joined at the limit of all rooms, and new ones cannot.
func TestRoomsInAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{change: func(o *Options) { o.Limits.MaxRoomsTotal = 3 }})
		p, other := i.consumer(), i.consumer()
		p.join("A")
		p.join("B")
		other.send(`{"type":"join","rooms":["B","C","D","A","C"]}`)
		other.hears(`{"type":"joined","rooms":["B","C","A"],"rejected":[{"room":"D","code":"too_many_rooms","message":"room: D would be one more than the 3 rooms that this server keeps"}]}`)
		p.join("C")
		p.send(`{"type":"join","room":"D"}`)
		p.hears(`{"type":"error","code":"too_many_rooms","message":"room: D would be one more than the 3 rooms that this server keeps"}`)
		p.send(`{"type":"leave","room":"A"}`)
		p.hears(`{"type":"left","room":"A"}`)
		other.send(`{"type":"leave","room":"A"}`)
		other.hears(`{"type":"left","room":"A"}`)
		p.join("D")
		if n := i.counts()["limited_total rooms_total"]; n != 2 {
			t.Errorf("counted %d", n)
		}
	})
}

// WebSockets that come too fast, and those that come while memory is short, are told to come later.
// Who is in stays.
func TestNewcomersAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		short := false
		i := onPipes(t, settings{change: func(o *Options) {
			o.Limits.MaxConnectionRate = rates.Rate{PerSecond: 1, Burst: 3}
			o.Short = func() bool { return short }
		}})
		refused := func(reason string) {
			t.Helper()
			answer, body := i.ask(upgradeTo("/ws") + "\r\n")
			if answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") != "1" || body != reason {
				t.Errorf("answered with %s, %q", answer.Status, body)
			}
		}
		p := i.consumer()
		i.consumer()
		i.consumer()
		refused("too many connections are opened at once")
		elapse(time.Second)
		i.consumer()
		elapse(time.Second)
		short = true
		refused("the server is short of memory")
		p.join("A")
		short = false
		i.consumer() // what was refused took no place in the rate
		if s := i.counts(); s["limited_total connection_rate"] != 1 || s["limited_total memory"] != 1 {
			t.Errorf("%v", s)
		}
	})
}

// The time for a handshake can be set, for the whole of it.
func TestTheTimeOfAHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{change: func(o *Options) { o.Limits.HandshakeTimeout = time.Second }})
		c := i.dial()
		begin := time.Now()
		if _, err := c.Write([]byte("GET /ws HTTP/1.1\r\n")); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Error("answered")
		}
		at(t, begin, time.Second)
		synctest.Wait()
		if n := i.counts()["limited_total handshake_timeout"]; n != 1 {
			t.Errorf("counted %d", n)
		}
	})
}
