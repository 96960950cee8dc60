package redistest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"backbone/internal/proctest"
)

// ProxyLeaks makes goleak ignore what a Proxy may leave behind: toxiproxy 2.5.0 forgets
// a goroutine whose data nobody takes any more, as when a connection breaks under it.
func ProxyLeaks() goleak.Option {
	return goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/toxics.(*ToxicStub).Run")
}

// Proxy is a connection to a Server that can be cut, slowed or made half-open. It ends
// with its test. Like a Server, it is for the goroutine of the test.
type Proxy struct {
	t     testing.TB
	proxy *toxiproxy.Proxy
}

// NewProxy returns a proxy to the server that does no harm yet.
func NewProxy(t testing.TB, to *Server) *Proxy {
	t.Helper()
	return NewProxyTo(t, to.Addr())
}

// NewProxyTo is NewProxy for a server of any kind, at host:port.
func NewProxyTo(t testing.TB, address string) *Proxy {
	t.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	listen := net.JoinHostPort("127.0.0.1", strconv.Itoa(proctest.FreePort(t)))
	p := &Proxy{t: t, proxy: toxiproxy.NewProxy(server, "redis", listen, address)}
	p.Mend()
	t.Cleanup(p.Cut)
	return p
}

// URL is the proxy's address as redis://host:port.
func (p *Proxy) URL() string { return "redis://" + p.proxy.Listen }

// Addr is the proxy's address as host:port.
func (p *Proxy) Addr() string { return p.proxy.Listen }

// Cut closes all connections and takes no new ones.
func (p *Proxy) Cut() { p.proxy.Stop() }

// Mend takes connections again after Cut.
func (p *Proxy) Mend() {
	p.t.Helper()
	if err := p.proxy.Start(); err != nil {
		p.t.Fatalf("redistest: proxy: %v", err)
	}
}

// HalfOpen swallows all bytes in both directions. Connections stay open, and new ones
// are taken. Whole closes those that were made half-open.
func (p *Proxy) HalfOpen() {
	p.t.Helper()
	p.Mute()
	p.Deafen()
}

// Mute swallows what is sent to the server, as HalfOpen does, and Deafen what it sends.
func (p *Proxy) Mute() { p.t.Helper(); p.add("up", "upstream", "timeout", `{"timeout":0}`) }

// Deafen swallows what the server sends; see Mute.
func (p *Proxy) Deafen() { p.t.Helper(); p.add("down", "downstream", "timeout", `{"timeout":0}`) }

// Delay holds all bytes for d, on the way to the server and again on the way back.
func (p *Proxy) Delay(d time.Duration) {
	p.t.Helper()
	attributes := fmt.Sprintf(`{"latency":%d}`, d.Milliseconds())
	p.add("up", "upstream", "latency", attributes)
	p.add("down", "downstream", "latency", attributes)
}

// SlowClose lets each side learn only after d that the other has closed a connection.
func (p *Proxy) SlowClose(d time.Duration) {
	p.t.Helper()
	attributes := fmt.Sprintf(`{"delay":%d}`, d.Milliseconds())
	p.add("up", "upstream", "slow_close", attributes)
	p.add("down", "downstream", "slow_close", attributes)
}

// Whole ends what HalfOpen, Mute, Deafen, Delay or SlowClose began.
func (p *Proxy) Whole() {
	p.t.Helper()
	ended := 0
	for _, name := range []string{"up", "down"} {
		err := p.proxy.Toxics.RemoveToxic(context.Background(), name)
		if err == nil {
			ended++
		} else if !errors.Is(err, toxiproxy.ErrToxicNotFound) {
			p.t.Fatalf("redistest: proxy: %s: %v", name, err)
		}
	}
	if ended == 0 {
		p.t.Fatal("redistest: proxy: it is whole already")
	}
}

func (p *Proxy) add(name, stream, kind, attributes string) {
	p.t.Helper()
	text := fmt.Sprintf(`{"name":%q,"stream":%q,"type":%q,"attributes":%s}`, name, stream, kind, attributes)
	if _, err := p.proxy.Toxics.AddToxicJson(strings.NewReader(text)); err != nil {
		p.t.Fatalf("redistest: proxy: %s: %v", text, err)
	}
}
