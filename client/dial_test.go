package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"backbone/protocol"
)

func TestABadURLIsNamed(t *testing.T) {
	for _, url := range []string{"", "127.0.0.1:8080", "ftp://h", "ws://", "ws://a,"} {
		_, err := Dial(t.Context(), url, &ConnOptions{Options: Options{KeepTrying: true}})
		if err == nil || !strings.HasPrefix(err.Error(), "client: the URL must be like ws://host:port or wss://host:port, not ") {
			t.Errorf("%q: %v", url, err)
		}
	}
}

func TestBadOptionsAreNamed(t *testing.T) {
	for name, o := range map[string]Options{
		"DialTimeout": {DialTimeout: -1}, "BackoffBase": {BackoffBase: -1}, "BackoffMax": {BackoffMax: -1},
		"IdleTimeout": {IdleTimeout: -1}, "PingTimeout": {PingTimeout: -1},
		"SendQueue": {SendQueue: -1}, "MaxInFlight": {MaxInFlight: -1},
	} {
		if _, err := DialIngestor(t.Context(), "ws://h", &IngestorOptions{Options: o}); err == nil || !strings.Contains(err.Error(), " Options."+name+":") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := Dial(t.Context(), "ws://h", &ConnOptions{Buffer: -1}); err == nil || !strings.Contains(err.Error(), " ConnOptions.Buffer:") {
		t.Errorf("Buffer: got %v", err)
	}
}

func TestTLS(t *testing.T) {
	s := &server{t: t, accepted: make(chan *peer, 1)}
	srv := httptest.NewTLSServer(s)
	t.Cleanup(srv.Close)
	s.url = "wss" + strings.TrimPrefix(srv.URL, "https")
	if _, err := Dial(t.Context(), s.url, nil); err == nil {
		t.Fatal("an unknown certificate was accepted")
	}
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	in, p := s.ingestor(IngestorOptions{Options: Options{TLSConfig: &tls.Config{RootCAs: roots}}})
	async(t, func() {
		for i := range 1000 {
			if err := in.Publish(t.Context(), update(i)); err != nil {
				t.Error(err)
			}
		}
	})
	for i := range 1000 {
		if m := p.expect(protocol.TypePriceUpdate); *m.TS != int64(i) {
			t.Fatalf("got ts %d, want %d", *m.TS, i)
		}
	}
}

func TestHeadersAreSent(t *testing.T) {
	_, p := newServer(t).consumer(ConnOptions{Options: Options{Header: http.Header{"X-Team": {"blue"}}}})
	if p.req.URL.Path != protocol.PathConsume || p.req.Header.Get("X-Team") != "blue" {
		t.Errorf("handshake: %s %v", p.req.URL, p.req.Header)
	}
	if _, ok := p.req.Header[http.CanonicalHeaderKey(protocol.HeaderAPIKey)]; ok {
		t.Error("a key was sent and none was given")
	}
}

// A redirect would hand the key to another host.
func TestRedirectIsNotFollowed(t *testing.T) {
	other := newServer(t)
	s := newServer(t)
	s.refuse <- status(302, "Location", "http"+strings.TrimPrefix(other.url, "ws"))
	_, err := DialIngestor(t.Context(), s.url, &IngestorOptions{Options: Options{APIKey: "secret"}})
	if failed, ok := errors.AsType[*ConnectError](err); !ok || failed.Status != 302 || strings.Contains(err.Error(), "secret") {
		t.Fatalf("got %v, want the redirect itself", err)
	}
	select {
	case <-other.accepted:
		t.Error("the redirect was followed")
	default:
	}
}

type bufferConn struct {
	net.Conn
	set chan int
}

func (c bufferConn) SetReadBuffer(bytes int) error {
	c.set <- bytes
	return nil
}

func TestReceiveBufferIsSet(t *testing.T) {
	for option, want := range map[int]int{0: 64 << 10, 4096: 4096, -1: -1} {
		set := make(chan int, 1)
		s := newServer(t)
		s.dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := new(net.Dialer).DialContext(ctx, network, address)
			return bufferConn{c, set}, err
		}
		c, p := s.consumer(ConnOptions{Options: Options{ReceiveBuffer: option}})
		async(t, func() { p.untilGone() })
		select {
		case got := <-set:
			if got != want {
				t.Errorf("option %d: %d bytes, want %d", option, got, want)
			}
		default:
			if want > 0 {
				t.Errorf("option %d: not set", option)
			}
		}
		c.Close()
	}
}

func TestConnectErrorOfNoServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	start := time.Now()
	_, err = Dial(t.Context(), "ws://user:secret@"+l.Addr().String(), nil)
	if err == nil || !strings.HasSuffix(err.Error(), "connection refused") || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
	if time.Since(start) > patience {
		t.Errorf("took %v", time.Since(start))
	}
}

// closeNoted remembers that it was closed.
type closeNoted struct {
	net.Conn
	closed atomic.Bool
}

func (c *closeNoted) Close() error {
	c.closed.Store(true)
	return c.Conn.Close()
}

// A peer that takes connections and never speaks TLS must not cost one each attempt.
func TestFailedTLSHandshakeLeavesNothingOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer far.Close()
		conn := &closeNoted{Conn: near}
		_, err := Dial(t.Context(), "wss://pipe", &ConnOptions{Options: Options{
			DialTimeout: 3 * time.Second,
			DialContext: func(context.Context, string, string) (net.Conn, error) { return conn, nil },
		}})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if !conn.closed.Load() {
			t.Error("the connection is still open")
		}
	}) // which also finds goroutines that are left
}

// A connection that comes when the attempt has been given up is nobody's.
func TestLateConnectionIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer far.Close()
		conn := &closeNoted{Conn: near}
		arrive := make(chan struct{})
		_, err := Dial(t.Context(), "wss://pipe", &ConnOptions{Options: Options{
			DialTimeout: 3 * time.Second,
			DialContext: func(context.Context, string, string) (net.Conn, error) {
				<-arrive
				return conn, nil
			},
		}})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		close(arrive)
		synctest.Wait()
		if !conn.closed.Load() {
			t.Error("the connection is still open")
		}
	})
}

// A time-out is that of the one who set it.
func TestADialThatTakesTooLongSaysWhoseTimeWasOver(t *testing.T) {
	for name, c := range map[string]struct {
		parent time.Duration
		want   string
	}{
		"its own":        {time.Hour, "client: cannot connect to ws://pipe/ws: no answer within 10s: context deadline exceeded"},
		"of its context": {time.Second, "client: cannot connect to ws://pipe/ws: context deadline exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				near, far := net.Pipe()
				defer far.Close()
				ctx, cancel := context.WithTimeout(t.Context(), c.parent)
				defer cancel()
				start := time.Now()
				_, err := Dial(ctx, "ws://pipe", &ConnOptions{Options: Options{
					DialContext: func(context.Context, string, string) (net.Conn, error) { return near, nil },
				}})
				if !errors.Is(err, context.DeadlineExceeded) || err.Error() != c.want || time.Since(start) != min(c.parent, 10*time.Second) {
					t.Errorf("after %v: %v, want %s", time.Since(start), err, c.want)
				}
			})
		})
	}
}
