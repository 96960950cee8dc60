package transport

import (
	"errors"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"

	"backbone/internal/hub"
	"backbone/protocol"
)

// Whatever ends a connection, nothing of it stays.
func TestEverythingIsUndoneAtTheEnd(t *testing.T) {
	stuck := func(i *instance) { i.publish(hub.State, "A", price("A", "1")) }
	for name, end := range map[string]func(*instance, *peer){
		"gone":                        func(_ *instance, p *peer) { p.Close() },
		"gone while written to":       func(i *instance, p *peer) { stuck(i); p.Close() },
		"write timed out":             func(i *instance, _ *peer) { stuck(i) },
		"closed":                      func(_ *instance, p *peer) { p.raw(masked(ws.OpClose, "")); p.closed(1000); p.Close() },
		"closed while written to":     func(i *instance, p *peer) { stuck(i); p.raw(masked(ws.OpClose, "")) },
		"close error":                 func(_ *instance, p *peer) { p.raw(masked(ws.OpBinary, "")); p.closed(1003); p.Close() },
		"close error, nobody listens": func(_ *instance, p *peer) { p.raw(masked(ws.OpBinary, "")) },
		"drained":                     func(i *instance, p *peer) { i.hub.CloseAll(); p.closed(1012); p.Close() },
		"drained, nobody listens":     func(i *instance, _ *peer) { i.hub.CloseAll() },
		"drained and gone":            func(i *instance, p *peer) { i.hub.CloseAll(); p.Close() },
		"drained and answered": func(i *instance, p *peer) {
			i.hub.CloseAll()
			p.closed(1012)
			p.raw(masked(ws.OpClose, closing(1001, "")))
		},
		"drained, close error at the same time": func(i *instance, p *peer) { i.hub.CloseAll(); p.raw(masked(ws.OpBinary, "")) },
		"no answer to pings":                    func(_ *instance, p *peer) { go io.Copy(io.Discard, p) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := onPipes(t, settings{})
				p := i.consumer()
				p.join("A")
				end(i, p)
				i.waitIdle(time.Minute)
			})
		})
	}
}

func TestClientClosesFirst(t *testing.T) {
	for _, c := range []struct {
		payload string
		answer  protocol.CloseCode
	}{{"", 1000}, {closing(1000, ""), 1000}, {closing(1001, "the page was left"), 1001}, {closing(4999, "own"), 4999}} {
		synctest.Test(t, func(t *testing.T) {
			i := onPipes(t, settings{})
			p, begin := i.consumer(), time.Now()
			p.raw(masked(ws.OpClose, c.payload))
			p.closed(c.answer)
			p.ended() // by the server, although the client goes on to listen
			at(t, begin, lingerTimeout)
			i.waitIdle(time.Second)
			label := map[protocol.CloseCode]string{1000: "1000", 1001: "1001", 4999: other}[c.answer]
			if n := i.counts()["closes_total "+label]; n != 1 {
				t.Errorf("the close was counted %d times", n)
			}
		})
	}
}

func TestNothingIsHandledBehindAClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := onPipes(t, settings{}).consumer()
		p.raw(append(masked(ws.OpClose, ""), masked(ws.OpText, `{"type":"join","room":"A"}`)...))
		p.closed(1000)
		p.ended()
	})
}

// What a client still sends when it is told to go must not reset the connection before
// it has read why.
func TestServerLingers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{})
		p := i.consumer()
		p.raw(masked(ws.OpBinary, ""))
		p.closed(protocol.CloseUnsupportedData)
		begin := time.Now()
		for time.Since(begin) < lingerTimeout-time.Second {
			p.send(strings.Repeat("more", 1000))
			elapse(100 * time.Millisecond)
		}
		p.ended()
		at(t, begin, lingerTimeout)
		if _, err := p.Write([]byte("x")); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("the connection still takes bytes: %v", err)
		}
	})
}

// The time of a write is not that of the answer to a close frame.
func TestAClientHasTimeToAnswerACloseWhateverTheWriteTimeOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{change: func(o *Options) { o.Limits.WriteTimeout = 100 * time.Millisecond }})
		p := i.consumer()
		i.hub.CloseAll()
		p.closed(protocol.CloseRestart)
		elapse(lingerTimeout - time.Millisecond)
		p.raw(masked(ws.OpClose, closing(1001, "")))
		p.Close()
		i.waitIdle(time.Second)
	})
}

// The timer of a last write can pass as the write ends, and be granted more time then. It must not
// close the socket later, whose peer still reads the close frame.
func TestATimeOutThatPassesAsTheLastWriteEndsClosesNothing(t *testing.T) {
	for name, late := range map[string]time.Duration{"on time": 0, "late": time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := onPipes(t, settings{})
				mine, its := net.Pipe()
				defer mine.Close()
				c := &conn{server: i.server, place: &place{conn: its}, socket: socket{Conn: its}}
				last := c.closeLater()
				last.until = last.until.Add(-last.timeout - late) // it is past
				last.stop()
				last.passed() // began before it was stopped
				elapse(2 * last.timeout)
				go its.Write([]byte("x"))
				if _, err := mine.Read(make([]byte, 1)); err != nil {
					t.Error("the socket is closed:", err)
				}
			})
		})
	}
}

// A client that only lingers has left the hub.
func TestLingeringClientIsNoMember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{})
		p := i.consumer()
		p.join("A")
		p.raw(masked(ws.OpBinary, ""))
		p.closed(protocol.CloseUnsupportedData)
		synctest.Wait()
		if s := i.hub.Stats(); s.Clients != 0 || s.Rooms != 0 {
			t.Errorf("the hub still has %d clients and %d rooms", s.Clients, s.Rooms)
		}
		if n := i.counts()["connections CONSUMER"]; n != 1 {
			t.Errorf("%d connections are open, want the one that lingers", n)
		}
	})
}

func TestSlowConsumerIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{queueBytes: 64 << 10})
		p := i.consumer()
		p.join("A")
		rooms := make([]string, 300)
		for n := range rooms {
			rooms[n] = strings.Repeat("x", 40) + strconv.Itoa(n)
		}
		list := `"rooms":["` + strings.Join(rooms, `","`) + `"]}` // 13 KB
		texts := slices.Repeat([]string{`{"type":"joined",` + list}, 60)
		for range texts { // the replies to what it asks for cannot be conflated
			p.send(`{"type":"join",` + list)
		}
		synctest.Wait()
		if s := i.hub.Stats(); s.Slow != 1 {
			t.Fatalf("the hub closed %d slow clients", s.Slow)
		}
		heard := 0
		for {
			op, text, err := p.next()
			if err != nil {
				t.Fatal(err)
			}
			if op == ws.OpClose {
				if !strings.HasPrefix(text, closing(protocol.CloseSlowConsumer, "")) || len(text) == 2 {
					t.Errorf("closed with %q", text)
				}
				break
			}
			if text != texts[0] {
				t.Fatalf("heard %.100q", text)
			}
			heard++
		}
		if heard == 0 || heard == len(texts) {
			t.Errorf("heard %d of %d messages", heard, len(texts))
		}
		p.ended()
		i.waitIdle(time.Second)
		if s := i.hub.Stats(); s.LagsBytes != 1 {
			t.Errorf("%+v", s)
		}
	})
}
