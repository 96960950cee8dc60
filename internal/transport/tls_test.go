package transport

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"

	"backbone/internal/hub"
	"backbone/protocol"
)

// certificate is a self-signed one, and the pool that trusts it.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		DNSNames:     []string{"backbone"},
		NotAfter:     time.Now().Add(24 * time.Hour),
		IsCA:         true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// overTLS starts an instance that speaks TLS; the function connects a consumer.
func overTLS(t *testing.T, run func(*testing.T, settings) *instance, s settings) (*instance, func() *peer) {
	t.Helper()
	cert, pool := certificate(t)
	s.change = func(o *Options) {
		o.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	}
	i := run(t, s)
	return i, func() *peer {
		t.Helper()
		p := &peer{Conn: tls.Client(&slowly{Conn: i.dial()}, &tls.Config{RootCAs: pool, ServerName: "backbone", MinVersion: tls.VersionTLS12}), t: t}
		p.upgrade(protocol.PathConsume)
		return p
	}
}

func TestTLS(t *testing.T) {
	i, connect := overTLS(t, onTCP, settings{})
	p := connect()
	p.join("A")
	want := price("A", "1"+strings.Repeat("0", 40))
	i.publish(hub.State, "A", want)
	p.hears(want)
	p.send(strings.Repeat(" ", 60_000))
	if op, text, err := p.next(); op != ws.OpText || err != nil {
		t.Fatal(op, text, err)
	}
	p.raw(masked(ws.OpClose, ""))
	p.closed(protocol.CloseNormal)
	p.ended()
	p.Close()
	i.waitIdle(time.Minute)
	plain := i.dial()
	if _, err := io.WriteString(plain, upgradeTo("/ws")+"\r\n"); err != nil {
		t.Fatal(err)
	}
	if answer, err := http.ReadResponse(bufio.NewReader(plain), nil); err != nil || answer.StatusCode != http.StatusBadRequest {
		t.Errorf("a plain request was answered with %v, %v", answer, err)
	}
}

func TestKeepAliveOverTLS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, connect := overTLS(t, onPipes, settings{})
		p, begin := connect(), time.Now()
		p.want(ws.OpPing, "p")
		at(t, begin, 25*time.Second)
		p.closed(protocol.CloseSlowConsumer)
		p.ended()
		i.waitIdle(time.Minute)
	})
}

// TLS cannot go on after a write that timed out, and yet a peer that reads a byte now and then
// is served.
func TestWriteOverTLSIsRenewedByProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, connect := overTLS(t, onPipes, settings{})
		i.server.opts.Limits.PingInterval = 24 * time.Hour // nobody has connected yet
		p := connect()
		p.join("A")
		want := say("A", strings.Repeat("x", 1000))
		p.Conn.(*tls.Conn).NetConn().(*slowly).pause = 9 * time.Second
		begin := time.Now()
		i.publish(hub.Message, "A", want)
		p.hears(want)
		if d := time.Since(begin); d < time.Hour {
			t.Errorf("the peer was not slow: %v", d)
		}
	})
}

// slowly takes a byte at a time, after a pause, once that is set.
type slowly struct {
	net.Conn
	pause time.Duration
}

func (s *slowly) Read(b []byte) (int, error) {
	if s.pause > 0 {
		<-time.After(s.pause)
		b = b[:1]
	}
	return s.Conn.Read(b)
}
