package transport

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"

	"backbone/internal/proxied"
	"backbone/protocol"
)

// proxiedBy runs an instance behind proxies, with a log and at most limit connections of an address.
func proxiedBy(t *testing.T, limit int, rules proxied.Rules) (*instance, logLines) {
	t.Helper()
	log := make(logLines, 1000)
	return onPipes(t, settings{change: func(o *Options) {
		o.Proxies, o.Limits.MaxConnectionsPerAddress = rules, limit
		o.Logger = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}}), log
}

// through opens a WebSocket with something in front of its handshake, and headers in it. It returns nil if
// the server refuses it with 429.
func (i *instance) through(front string, headers ...string) *peer {
	i.t.Helper()
	p := &peer{Conn: i.dial(), t: i.t}
	go io.WriteString(p.Conn, front+upgradeTo("/ws")+strings.Join(append(headers, ""), "\r\n")+"\r\n")
	p.r = bufio.NewReader(p.Conn)
	answer, err := http.ReadResponse(p.r, nil)
	if err != nil {
		i.t.Fatal(err)
	}
	if answer.StatusCode == http.StatusTooManyRequests {
		p.Close()
		return nil
	}
	if answer.StatusCode != http.StatusSwitchingProtocols {
		i.t.Fatalf("answered with %s", answer.Status)
	}
	return p
}

// opened is the address of the connection that the log says was opened last.
func opened(log logLines) (address string) {
	synctest.Wait()
	for len(log) > 0 {
		if line := <-log; strings.Contains(line, "connection opened") {
			_, address, _ = strings.Cut(line, "address=")
			address, _, _ = strings.Cut(address, " ")
		}
	}
	return address
}

func TestAPROXYHeaderSaysWhoAClientIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, log := proxiedBy(t, 1, proxied.Rules{Header: true})
		const binary = "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x08\xc0\x00\x02\x01\x04\xd2\x1f\x90"
		for front, want := range map[string]string{
			"PROXY TCP4 192.0.2.7 192.0.2.1 1234 8080\r\n": "192.0.2.7:1234",
			binary: "192.0.2.8:1234",
			"PROXY TCP6 2001:db8:0:1::1 ::1 5 8080\r\n": "[2001:db8:0:1::1]:5",
			"PROXY UNKNOWN\r\n":                         "192.0.2.1:1234", // the pipe's
		} {
			p := i.through(front)
			if p == nil {
				t.Fatalf("%q was refused", front)
			}
			if got := opened(log); got != want {
				t.Errorf("%q: the log has %s, want %s", front, got, want)
			}
			if i.through(front) != nil {
				t.Errorf("%q: a second connection of the address was taken", front)
			}
		}
		if i.through("PROXY TCP6 2001:db8:0:1:ffff::2 ::1 6 8080\r\n") != nil {
			t.Error("a second connection of the network of 64 bits was taken")
		}
		if i.through("PROXY TCP6 2001:db8:0:2::1 ::1 6 8080\r\n") == nil {
			t.Error("the network beside it was refused")
		}
	})
}

func TestAPROXYHeaderMayComeInPieces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, _ := proxiedBy(t, 0, proxied.Rules{Header: true})
		p := &peer{Conn: i.dial(), t: t}
		for _, c := range "PROXY TCP4 192.0.2.7 192.0.2.1 1234 8080\r\n" {
			p.raw([]byte{byte(c)})
			time.Sleep(200 * time.Millisecond) // of fake time: 8.4 s in all
		}
		p.upgrade(protocol.PathConsume)
		p.join("A")
		late := &peer{Conn: i.dial(), t: t}
		late.raw([]byte("PROXY TCP4 192.0.2.7"))
		begin := time.Now()
		if !errors.Is(func() error { _, err := late.Read(make([]byte, 1)); return err }(), io.EOF) {
			t.Error("it was not closed")
		}
		if took := time.Since(begin); took != 10*time.Second {
			t.Errorf("half a header was waited for for %v", took)
		}
		synctest.Wait()
		if n := i.counts()["handshakes_unfinished_total timeout"]; n != 1 {
			t.Errorf("%d timeouts are counted", n)
		}
	})
}

func TestWithoutAPROXYHeaderAConnectionIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, log := proxiedBy(t, 0, proxied.Rules{Header: true})
		for n, front := range []string{"", "PROXY TCP4 192.0.2.7\r\n"} {
			c := i.dial()
			go io.WriteString(c, front+upgradeTo("/ws")+"\r\n")
			if got, _ := io.ReadAll(c); len(got) > 0 {
				t.Errorf("%q: it was sent %q", front, got)
			}
			synctest.Wait()
			if got := i.counts()["handshakes_unfinished_total proxy_header"]; got != n+1 {
				t.Errorf("%q: %d are counted", front, got)
			}
			told := false
			for len(log) > 0 {
				told = strings.Contains(<-log, "without a PROXY header") || told
			}
			if !told {
				t.Errorf("%q: the log has nothing of it", front)
			}
		}
		s := i.counts()
		if s["connections_accepted_total"] != 0 || s["handshakes_open"] != 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestOnlyATrustedSendersPROXYHeaderIsBelieved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, log := proxiedBy(t, 0, proxied.Rules{Header: true, Trusted: proxied.Proxies{netip.MustParsePrefix("10.0.0.0/8")}})
		l := i.listener.(*pipes)
		for from, want := range map[string]string{"10.0.0.1:99": "192.0.2.7:1234", "203.0.113.1:99": "203.0.113.1:99"} {
			l.from = from
			i.through("PROXY TCP4 192.0.2.7 192.0.2.1 1234 8080\r\n")
			if got := opened(log); got != want {
				t.Errorf("from %s: the log has %s, want %s", from, got, want)
			}
		}
		// A proxy in front of a trusted proxy.
		l.from = "10.0.0.1:99"
		i.through("PROXY TCP4 10.0.0.2 192.0.2.1 1234 8080\r\n", "X-Forwarded-For: 203.0.113.9")
		if got := opened(log); got != "203.0.113.9" {
			t.Errorf("through two proxies: the log has %s", got)
		}
	})
}

func TestAPROXYHeaderComesBeforeTLS(t *testing.T) {
	cert, pool := certificate(t)
	log := make(logLines, 1000)
	i := onTCP(t, settings{change: func(o *Options) {
		o.Proxies.Header = true
		o.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
		o.Logger = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}})
	c := i.dial()
	if _, err := io.WriteString(c, "PROXY TCP4 192.0.2.7 192.0.2.1 1234 8080\r\n"); err != nil {
		t.Fatal(err)
	}
	p := &peer{Conn: tls.Client(c, &tls.Config{RootCAs: pool, ServerName: "backbone", MinVersion: tls.VersionTLS12}), t: t}
	p.upgrade(protocol.PathConsume)
	p.join("A")
	if told := <-log; !strings.Contains(told, "address=192.0.2.7:1234") {
		t.Errorf("the log has %s", told)
	}
	without := tls.Client(i.dial(), &tls.Config{RootCAs: pool, ServerName: "backbone", MinVersion: tls.VersionTLS12})
	if err := without.Handshake(); err == nil {
		t.Error("TLS without a PROXY header was taken")
	}
}

func TestForwardedAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, log := proxiedBy(t, 1, proxied.Rules{Trusted: proxied.Proxies{netip.MustParsePrefix("192.0.2.0/24")}})
		for _, tt := range []struct{ header, want string }{
			{"X-Forwarded-For: 1.1.1.1, 203.0.113.9", "203.0.113.9"},
			{"X-Forwarded-For: 203.0.113.10, 192.0.2.5", "203.0.113.10"},
			{"Forwarded: for=\"[2001:db8::1]:5\";proto=https", "2001:db8::1"},
			{"X-Other: 1", "192.0.2.1:1234"},
		} {
			p := i.through("", tt.header)
			if p == nil {
				t.Fatalf("%s was refused", tt.header)
			}
			if got := opened(log); got != tt.want {
				t.Errorf("%s: the log has %s, want %s", tt.header, got, tt.want)
			}
			if i.through("", tt.header) != nil {
				t.Errorf("%s: a second connection of the address was taken", tt.header)
			}
		}
		synctest.Wait()
		if n := i.counts()["forwarded_unreadable_total"]; n != 0 {
			t.Errorf("%d are counted as unreadable", n)
		}
		if i.through("", "X-Forwarded-For: 203.0.113.11, unknown") != nil { // counts for the proxy, which has one
			t.Error("what cannot be read was taken for an address")
		}
		if n := i.counts()["forwarded_unreadable_total"]; n != 1 {
			t.Errorf("%d are counted as unreadable", n)
		}
		// Who is no proxy cannot be somebody else.
		l := i.listener.(*pipes)
		l.from = "203.0.113.9:77"
		if i.through("", "X-Forwarded-For: 198.51.100.1") != nil {
			t.Error("a second connection of an address was taken because it said to be another one")
		}
		l.from = ""
		first := i.through("", "X-Forwarded-For: 203.0.113.50")
		first.Close()
		synctest.Wait()
		if i.through("", "X-Forwarded-For: 203.0.113.50") == nil {
			t.Error("an address whose connection has ended was refused")
		}
	})
}

// The handshakes of many clients come from one proxy at a time.
func TestAProxysHandshakesAreNotThoseOfOneAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, _ := proxiedBy(t, 1, proxied.Rules{Trusted: proxied.Proxies{netip.MustParsePrefix("192.0.2.0/24")}})
		var silent []*peer
		for range 50 {
			silent = append(silent, &peer{Conn: i.dial(), t: t})
		}
		synctest.Wait()
		if n := i.counts()["handshakes_unfinished_total pushed_out"]; n != 0 {
			t.Errorf("%d of a proxy's were pushed out", n)
		}
		for n, p := range silent {
			go io.WriteString(p.Conn, fmt.Sprintf("%sX-Forwarded-For: 203.0.113.%d\r\n\r\n", upgradeTo("/ws"), n))
			if answer, err := http.ReadResponse(bufio.NewReader(p.Conn), nil); err != nil || answer.StatusCode != http.StatusSwitchingProtocols {
				t.Fatalf("client %d: %v, %v", n, answer, err)
			}
		}
	})
}

func TestThePathPrefix(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{change: func(o *Options) { o.PathPrefix = "/prices" }})
		p := i.connect("/prices/ws")
		p.join("A")
		i.connect("/prices/ws/ingest").raw(masked(ws.OpPing, ""))
		for _, path := range []string{"/ws", "/pricesws", "/prices", "/prices/prices/ws"} {
			if answer, _ := i.ask(upgradeTo(path) + "\r\n"); answer.StatusCode != http.StatusNotFound {
				t.Errorf("%s: %s", path, answer.Status)
			}
		}
	})
}
