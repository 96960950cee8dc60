package transport

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"

	"backbone/internal/hub"
	"backbone/protocol"
)

// text reads on to the next text message, and answers pings.
func (p *peer) text() string {
	p.t.Helper()
	for began := time.Now(); ; {
		op, payload, err := p.next()
		switch {
		case err != nil || time.Since(began) > time.Minute:
			p.t.Fatal("no text message", err)
		case op == ws.OpPing:
			p.raw(masked(ws.OpPong, payload))
		case op == ws.OpText:
			return payload
		}
	}
}

// beats reads a heartbeat and checks its time.
func (p *peer) beats() {
	p.t.Helper()
	text := p.text()
	at, ok := strings.CutPrefix(text, `{"type":"heartbeat","at":`)
	ms, err := strconv.ParseInt(strings.TrimSuffix(at, "}"), 10, 64)
	if now := time.Now().UnixMilli(); !ok || err != nil || ms > now || ms < now-5000 {
		p.t.Fatalf("got %s, want a heartbeat of %d", text, now)
	}
}

// A heartbeat comes when no text message came for its time. Pings are none, and anything else is.
func TestAHeartbeatComesWhenNothingElseDoes(t *testing.T) {
	for _, maxAge := range []time.Duration{0, 500 * time.Millisecond} {
		t.Run(maxAge.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := onPipes(t, settings{change: func(o *Options) {
					o.Limits.PingInterval, o.Limits.PongTimeout, o.Limits.MaxAge = 2*time.Second, time.Hour, maxAge
				}})
				p := i.consumer()
				p.send(`{"type":"join","room":"","heartbeat_ms":100}`, `{"type":"join","room":"X","heartbeat_ms":3000}`)
				if both := p.text() + p.text(); !strings.Contains(both, `"error"`) || !strings.Contains(both, `"joined"`) { // in any order
					t.Fatal(both)
				}
				began := time.Now()
				after := func(want time.Duration) {
					t.Helper()
					if got := time.Since(began); got != want {
						t.Fatalf("after %v, want %v", got, want)
					}
				}
				p.beats()
				after(3 * time.Second)
				p.beats()
				after(6 * time.Second)
				time.Sleep(2 * time.Second)
				p.send(`{"type":"ping"}`)
				p.text()
				p.beats()
				after(11 * time.Second)
				time.Sleep(time.Second)
				i.publish(hub.State, "X", "price")
				p.text()
				p.beats()
				after(15 * time.Second)
				p.send(`{"type":"join","room":"X"}`, `{"type":"join","room":"Y","heartbeat_ms":100}`)
				p.text()
				p.text()
				p.beats()
				after(15*time.Second + 100*time.Millisecond)
				p.Close()
				i.waitIdle(time.Minute)
			})
		})
	}
}

// A writer has the heartbeats of all its connections, also of those that had to wait meanwhile.
func TestAWriterSendsTheHeartbeatsOfAllItsConnections(t *testing.T) {
	i := onTCP(t, settings{change: func(o *Options) {
		o.Limits.MaxAge, o.Limits.WriteTimeout = 500*time.Millisecond, time.Minute
	}})
	var peers []*peer
	for n := range 4 {
		p := i.consumer()
		p.send(fmt.Sprintf(`{"type":"join","room":"X","heartbeat_ms":%d}`, 100+20*n))
		p.text()
		peers = append(peers, p)
	}
	for _, p := range peers {
		p.beats()
		p.beats()
	}
	i.publish(hub.State, "X", strings.Repeat("x", 8<<20)) // more than a kernel takes at once
	for _, p := range peers {
		for len(p.text()) < 8<<20 { // heartbeats that came while others read
		}
		p.beats()
		p.beats()
		p.Close()
	}
	i.waitIdle(10 * time.Second)
	i.endServe()
	<-i.served
	for _, w := range i.server.writers {
		if n := len(w.beats); n > 0 {
			t.Errorf("a writer still has the heartbeats of %d connections", n)
		}
	}
}

// The program does not see the marks that its library answers. A slow reader is asked by them, alone,
// whether it is still slow.
func TestAMarkIsNoHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{change: fresh})
		p := i.consumer()
		p.send(`{"type":"join","room":"X","marks":true,"heartbeat_ms":1800}`)
		p.hears(`{"type":"mark","n":1}`, `{"type":"joined","room":"X"}`)
		p.send(`{"type":"marked","n":1}`)
		i.publish(hub.Message, "X", strings.Repeat("x", 40<<10))
		heartbeats, marks := 0, 0
		for began := time.Now(); time.Since(began) < 20*time.Second; {
			_, text, err := p.next()
			switch {
			case err != nil:
				t.Fatal(err)
			case strings.HasPrefix(text, `{"type":"heartbeat"`):
				heartbeats++
			case strings.HasPrefix(text, `{"type":"mark"`):
				marks++
				n := strings.FieldsFunc(text, func(r rune) bool { return r < '0' || '9' < r })[0]
				time.AfterFunc(400*time.Millisecond, func() { p.Write(masked(ws.OpText, `{"type":"marked","n":`+n+`}`)) })
			}
		}
		if heartbeats < 10 || marks < 10 {
			t.Errorf("%d heartbeats and %d marks in 20 s", heartbeats, marks)
		}
		p.Close()
		i.waitIdle(time.Minute)
	})
}

// A client that answers no mark has its window shut. Heartbeats add no more to what is under way to
// it than single prices do.
func TestHeartbeatsDoNotPassAShutWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{change: func(o *Options) { o.Limits.MaxAge = 500 * time.Millisecond }})
		p := i.consumer()
		p.send(`{"type":"join","room":"X","marks":true,"heartbeat_ms":100}`)
		i.publish(hub.State, "X", strings.Repeat("x", 64<<10))
		heartbeats := 0
		for began := time.Now(); time.Since(began) < 20*time.Second; {
			if strings.HasPrefix(p.text(), `{"type":"heartbeat"`) {
				heartbeats++
			}
		}
		if heartbeats < 10 || heartbeats > 21 {
			t.Errorf("%d heartbeats in 20 s, want one a second", heartbeats)
		}
		p.Close()
		i.waitIdle(time.Minute)
	})
}

func TestTheTimeOfHeartbeatsIsChecked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := onPipes(t, settings{}).consumer()
		for value, message := range map[string]string{
			"99":      "must be an integer from 100 to 3600000, got 99",
			"3600001": "must be an integer from 100 to 3600000, got 3600001",
			"0":       "must be an integer from 100 to 3600000, got 0",
			"1e3":     "must be an integer from 100 to 3600000, got 1e3",
			"true":    "must be a JSON number, got boolean",
		} {
			p.send(`{"type":"join","room":"X","heartbeat_ms":` + value + `}`)
			p.hears(`{"type":"error","code":"` + string(protocol.CodeInvalidEvent) + `","message":"heartbeat_ms: ` + message + `"}`)
		}
	})
}
