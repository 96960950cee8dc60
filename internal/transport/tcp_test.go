package transport

import (
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"backbone/internal/hub"
	"backbone/protocol"
)

// The raw path reads and writes in another way than other connections do: what is
// tested here is what differs. The frames of RFC 6455 are in TestRawFramesOverTCP.

func TestManyFramesInOneSegment(t *testing.T) {
	i := onTCP(t, settings{change: func(o *Options) { o.Limits.MaxBadMessages = 3001 }})
	var in []byte
	var want []string
	for n := range 3000 { // more than one read takes
		id := strconv.Itoa(n)
		in = append(in, masked(ws.OpText, `{"type":"leave","room":"A","id":"`+id+`"}`)...)
		want = append(want, `{"type":"error","code":"not_joined","message":"room: A is not joined","id":"`+id+`"}`)
		if n%500 == 499 { // a good one
			in = append(in, masked(ws.OpText, `{"type":"ping","id":"`+id+`"}`)...)
			want = append(want, `{"type":"pong","id":"`+id+`","ts":T}`)
		}
	}
	p := i.connect(protocol.PathConsume, in[:100]...)
	p.inBackground(in[100:])
	for _, w := range want {
		if _, text, err := p.next(); err != nil || pongless(text) != w {
			t.Fatalf("got %q, %v, want %q", text, err, w)
		}
	}
}

func TestHalfClosedClientIsGone(t *testing.T) {
	i := onTCP(t, settings{})
	p := i.consumer()
	p.join("A")
	if err := p.Conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	p.ended()
	i.waitIdle(time.Minute)
}

func TestResetByPeer(t *testing.T) {
	i := onTCP(t, settings{})
	p := i.consumer()
	p.join("A")
	if err := p.Conn.(*net.TCPConn).SetLinger(0); err != nil {
		t.Fatal(err)
	}
	p.Close()
	i.waitIdle(time.Minute)
}

// A client that reads nothing for a while gets the newest value, and the count of what
// was left out; a chat message in between is not lost.
func TestLaggardCatchesUpOverTCP(t *testing.T) {
	i := onTCP(t, settings{queueBytes: 64 << 10, change: func(o *Options) { o.Limits.SocketSendBuffer = 16 << 10 }})
	p := i.consumer()
	p.join("A")
	p.join("B")
	const events = 20_000
	publisher := i.ingest.Publisher("p", "")
	for from := 0; from < events; from += 100 {
		var batch []hub.BroadcastEvent
		for n := range 100 {
			batch = append(batch, hub.BroadcastEvent{Room: "A", Kind: hub.State, Payload: price("A", long(from+n)+strings.Repeat("0", 1000))})
		}
		if from == events/2 {
			batch = append(batch, hub.BroadcastEvent{Room: "B", Kind: hub.Message, Payload: say("B", "halfway")})
		}
		if _, err := publisher.Publish(batch); err != nil {
			t.Fatal(err)
		}
		i.settle()
	}
	if s := i.hub.Stats(); s.Lagging != 1 {
		t.Fatalf("the client does not lag: %+v", s)
	}
	var h heard
	newest := long(events-1) + strings.Repeat("0", 1000)
	for h.last != newest || h.chats == 0 {
		_, text, err := p.next()
		if err != nil {
			t.Fatal(err)
		}
		h.add(t, text)
	}
	if h.prices+int(h.skipped) != events || h.skipped == 0 || h.chats != 1 {
		t.Errorf("of %d prices %d came and %d were left out; %d messages", events, h.prices, h.skipped, h.chats)
	}
	i.publish(hub.State, "A", price("A", "1")) // live again
	p.hears(price("A", "1"))
	if s := i.hub.Stats(); s.Lagging != 0 {
		t.Errorf("the client still lags: %+v", s)
	}
}

func TestDrainOverTCP(t *testing.T) {
	i := onTCP(t, settings{queueBytes: 64 << 10, change: func(o *Options) { o.Limits.SocketSendBuffer = 16 << 10 }})
	p := i.consumer()
	p.join("A")
	const events = 3000
	for n := range events {
		i.publish(hub.State, "A", price("A", long(n)+strings.Repeat("0", 1000)))
	}
	i.hub.CloseAll()
	h := p.readAll()
	if h.prices+int(h.skipped) != events || h.code != protocol.CloseRestart || !strings.HasPrefix(h.last, long(events-1)) {
		t.Errorf("of %d prices %d came and %d were left out, the last %.20s; closed with %d", events, h.prices, h.skipped, h.last, h.code)
	}
	p.ended() // half-closed by the server
	p.raw(masked(ws.OpClose, closing(1001, "")))
	p.Close()
	i.waitIdle(time.Minute)
}

// A peer that goes on to send while it is refused still reads why.
func TestRefusalIsNotReset(t *testing.T) {
	i := onTCP(t, settings{})
	request := strings.Replace(upgradeTo("/ws"), "websocket", "h2c", 1) + "\r\n" + strings.Repeat("more", 2000)
	for range 20 {
		if answer, body := i.ask(request); answer.StatusCode != 400 || !strings.Contains(body, "Upgrade") {
			t.Fatal(answer.Status, body)
		}
	}
	long := slices.Concat(masked(ws.OpBinary, ""), masked(ws.OpText, strings.Repeat("x", 60_000)))
	for range 20 {
		p := i.consumer()
		p.inBackground(long)
		p.closed(protocol.CloseUnsupportedData)
		p.Close()
	}
}

func TestSlowFrameIsPutTogether(t *testing.T) {
	i := onTCP(t, settings{})
	p := i.consumer()
	text := pingText + strings.Repeat(" ", 64<<10-len(pingText))
	p.inBackground(masked(ws.OpText, text), 1000)
	if _, text, err := p.next(); err != nil || pongless(text) != `{"type":"pong","id":"7","ts":T}` {
		t.Fatal(text, err)
	}
}
