package transport

import (
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"

	"backbone/internal/hub"
)

// Whenever the context ends, Serve returns soon and leaves nothing behind; a goroutine
// that is left fails the bubble.
func TestServeEndsAtAnyMoment(t *testing.T) {
	write := func(i *instance, text string) {
		if _, err := io.WriteString(i.dial(), text); err != nil {
			i.t.Fatal(err)
		}
	}
	request := upgradeTo("/ws") + "\r\n"
	for name, bring := range map[string]func(*instance){
		"nobody":              func(*instance) {},
		"silent":              func(i *instance) { i.dial() },
		"handshake half done": func(i *instance) { write(i, request[:50]) },
		"answer not read":     func(i *instance) { write(i, request) },
		"refusal not read":    func(i *instance) { write(i, strings.Replace(request, "13", "8", 1)) },
		"refusal read":        func(i *instance) { i.ask(strings.Replace(request, "13", "8", 1)) },
		"idle consumer":       func(i *instance) { i.consumer().join("A") },
		"idle ingestor":       func(i *instance) { i.ingestor() },
		"half a frame":        func(i *instance) { i.consumer().raw(masked(ws.OpText, "half")[:7]) },
		"stuck":               func(i *instance) { i.consumer().join("A"); i.publish(hub.State, "A", price("A", "1")) },
		"stuck with replies":  func(i *instance) { p := i.consumer(); p.send(slices.Repeat([]string{"?"}, replyPlaces+2)...) },
		"lingering":           func(i *instance) { p := i.consumer(); p.raw(masked(ws.OpBinary, "")); p.closed(1003) },
		"drained":             func(i *instance) { p := i.consumer(); i.hub.CloseAll(); p.closed(1012) },
		"drained and stuck":   func(i *instance) { i.consumer(); i.hub.CloseAll() },
		"web, half a head":    func(i *instance) { write(i, "GET / HTTP/1.1\r\n") },
		"web, half a body":    func(i *instance) { write(i, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nbody") },
		"web, answer unread":  func(i *instance) { write(i, "GET / HTTP/1.1\r\nHost: h\r\n\r\n") },
		"many": func(i *instance) {
			for range 50 {
				i.consumer().join("A")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, settle := range []bool{true, false} {
				synctest.Test(t, func(t *testing.T) {
					i := onPipes(t, withWeb(func(w http.ResponseWriter, r *http.Request) { io.Copy(w, r.Body) }))
					bring(i)
					if settle {
						synctest.Wait()
					}
					begin := time.Now()
					i.endServe()
					<-i.served
					at(t, begin, 0)
					if s := i.hub.Stats(); s.Clients != 0 {
						t.Errorf("the hub still has %d clients", s.Clients)
					}
				})
			}
		})
	}
}

// Ingest and hub can end before the connections do.
func TestServeEndsAfterIngestAndHub(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck := make(chan []hub.BroadcastEvent)
		i := onPipes(t, settings{hubEvents: stuck})
		p := i.ingestor()
		p.send(price("A", "1"), strings.Replace(price("A", "2"), `"ts"`, `"id":"2","ts"`, 1))
		synctest.Wait() // the ReadPump waits for ingest, which waits for the hub
		i.endParts()
		ack, unavailable := `{"type":"ack","id":"2"}`, `{"type":"error","code":"unavailable","message":"the instance is stopping","id":"2"}`
		if _, text, err := p.next(); err != nil || text != ack && text != unavailable {
			t.Fatalf("answered with %q, %v", text, err)
		}
		p.send(price("A", "3"))
		p.hears(`{"type":"error","code":"unavailable","message":"the instance is stopping"}`)
		q := i.consumer() // is told nothing any more, and yet ends
		q.send(`{"type":"join","room":"A"}`, `{"type":"leave","room":"A"}`)
		q.hears(`{"type":"error","code":"not_joined","message":"room: A is not joined"}`)
		i.endServe()
		<-i.served
	})
}

// flaky fails to accept before it does.
type flaky struct {
	net.Listener
	failures int
}

func (f *flaky) Accept() (net.Conn, error) {
	if f.failures > 0 {
		f.failures--
		return nil, errors.New("too many open files")
	}
	return f.Listener.Accept()
}

func TestAcceptIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
		begin := time.Now()
		i := start(t, &flaky{l, 5}, settings{})
		i.listener = l
		i.consumer()
		at(t, begin, (5+10+20+40+80)*time.Millisecond)
	})
	synctest.Test(t, func(t *testing.T) {
		l := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
		i := start(t, &flaky{l, 1 << 30}, settings{})
		elapse(time.Hour)
		i.endServe()
		<-i.served
	})
}

func TestListenerThatFailsEndsServe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{})
		p, silent := i.consumer(), i.dial()
		begin := time.Now()
		i.listener.Close()
		<-i.served
		at(t, begin, 0)
		if !errors.Is(i.err, net.ErrClosed) {
			t.Errorf("Serve returned %v", i.err)
		}
		p.ended()
		if _, err := silent.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Error(err)
		}
	})
}
