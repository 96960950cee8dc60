package transport

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"backbone/internal/auth"
	"backbone/internal/proxied"
	"backbone/protocol"
)

// An ingestor that floods the server with names is refused. Others are not.
func TestAFloodOfInstrumentsRefusesOnlyItself(t *testing.T) {
	i := onTCP(t, settings{instruments: 10})
	publish := func(p *peer, instrument string, accepted bool) {
		t.Helper()
		p.send(fmt.Sprintf(`{"type":"price_update","instrument":%q,"price":1,"ts":1,"id":"1"}`, instrument))
		if accepted {
			p.hears(`{"type":"ack","id":"1"}`)
		} else {
			p.hears(`{"type":"error","code":"too_many_instruments","message":"instrument: this instance keeps no further instruments of this producer","id":"1"}`)
		}
	}
	flood := i.connect(protocol.PathIngest)
	for n := range 20 {
		publish(flood, fmt.Sprint("F", n), n < 10)
	}
	other := i.connect(protocol.PathIngest)
	for n := range 5 {
		publish(other, fmt.Sprint("G", n), true)
		publish(flood, fmt.Sprint("F", 20+n), false)
	}
	publish(other, "G5", false) // it holds as many as the flood
	publish(other, "G0", true)
	publish(i.connect(protocol.PathIngest), "H", true)
}

func TestAProducerIsAKeyOrAConnection(t *testing.T) {
	from := func(port int) *conn {
		return &conn{socket: socket{Conn: peerAt{port: port}}, place: &place{conn: peerAt{port: port}}}
	}
	a, b := from(1), from(2)
	if a.producer() != "192.0.2.1:1" || b.producer() != "192.0.2.1:2" {
		t.Errorf("two connections without a key are %q and %q", a.producer(), b.producer())
	}
	behind := net.Addr(proxied.Client("203.0.113.9")) // of both
	c, d := from(3), from(4)
	c.place.from.Store(&behind)
	d.place.from.Store(&behind)
	if c.producer() == d.producer() || !strings.HasPrefix(c.producer(), "203.0.113.9 ") {
		t.Errorf("two connections of a client behind a proxy are %q and %q", c.producer(), d.producer())
	}
	a.identity, b.identity = auth.Identity{Name: "feed"}, auth.Identity{Name: "feed"}
	if a.producer() != "feed" || b.producer() != "feed" {
		t.Errorf("two connections with one key are %q and %q", a.producer(), b.producer())
	}
}

// peerAt is a connection of which only the peer's address is known.
type peerAt struct {
	net.Conn
	port int
}

func (p peerAt) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: p.port} }
