package transport

import (
	"bytes"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"github.com/gobwas/ws"

	"backbone/internal/refusals"
	"backbone/protocol"
)

// closedBy reports whether the server has closed the connection; it sends nothing.
func closedBy(c net.Conn) bool {
	if c.SetReadDeadline(time.Now().Add(time.Millisecond)) != nil {
		return true
	}
	_, err := c.Read(make([]byte, 1))
	timeout, ok := err.(net.Error) //nolint:errorlint // of a pipe
	return !ok || !timeout.Timeout()
}

func open(conns []net.Conn) (n int) {
	for _, c := range conns {
		if !closedBy(c) {
			n++
		}
	}
	return n
}

// Connections that say nothing count for the limits. The oldest of an address make place for the
// newer ones, and those of other addresses stay.
func TestConnectionsWithoutARequestCount(t *testing.T) {
	for name, limit := range map[string]func(*Limits){
		"of an address": func(l *Limits) { l.MaxConnectionsPerAddress = 20 },
		"of all":        func(l *Limits) { l.MaxConnections = 21 },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := make(logLines, 1000)
				i := onPipes(t, settings{change: func(o *Options) {
					limit(&o.Limits)
					o.Logger = slog.New(slog.NewTextHandler(log, nil))
				}})
				l := i.listener.(*pipes)
				l.from = "192.0.2.2:1"
				bystander := &peer{Conn: i.dial(), t: t}
				l.from = "192.0.2.1:1"
				var silent []net.Conn
				for range 200 {
					silent = append(silent, i.dial())
				}
				synctest.Wait()
				if n := open(silent[:180]); n > 0 {
					t.Errorf("%d of the older ones are open", n)
				}
				if n := open(silent[180:]); n != 20 {
					t.Errorf("%d of the 20 newest are open", n)
				}
				if s := i.counts(); s["handshakes_open"] != 21 || s["handshakes_unfinished_total pushed_out"] != 180 {
					t.Errorf("%v", s)
				}
				if answer, _ := i.ask("GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n"); answer.StatusCode != 404 { // the test's handler knows nothing
					t.Error(answer.Status)
				}
				i.consumer()
				bystander.upgrade("/ws")
				lines := log.take()
				if len(lines) != 1 || !strings.Contains(lines[0], "pushed out") || !strings.Contains(lines[0], "address=192.0.2.1:1") {
					t.Errorf("%d lines: %q", len(lines), lines)
				}
				elapse(handshakeTimeout)
				if n := open(silent); n > 0 {
					t.Errorf("%d are open", n)
				}
				if s := i.counts(); s["handshakes_open"] != 0 || s["handshakes_unfinished_total timeout"]+s["handshakes_unfinished_total pushed_out"] != 200 || s["handshakes_unfinished_total gone"] != 0 || s["connections CONSUMER"] != 2 {
					t.Errorf("%v", s)
				}
			})
		})
	}
}

// Where WebSockets use up a limit, a few more connections can come to be told so.
func TestAFullInstanceAnswersAFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{change: func(o *Options) { o.Limits.MaxConnections, o.Limits.MaxConnectionsPerAddress = 10, 1 }})
		l := i.listener.(*pipes)
		var silent []net.Conn
		for n := range 10 {
			l.from = "192.0.2." + strconv.Itoa(n) + ":1"
			i.consumer()
			for range 3 * spareOfAddress {
				silent = append(silent, i.dial())
			}
		}
		synctest.Wait()
		if n := open(silent); n != spare {
			t.Errorf("%d are open, want %d", n, spare)
		}
		if answer, _ := i.ask(upgradeTo("/ws") + "\r\n"); answer.StatusCode != http.StatusServiceUnavailable {
			t.Error(answer.Status)
		}
	})
}

// noDescriptors is a listener of a process that has so many descriptors left.
type noDescriptors struct {
	*pipes
	left chan struct{}
}

func (l noDescriptors) Accept() (net.Conn, error) {
	select {
	case <-l.left:
	default:
		select {
		case <-l.done:
			return nil, net.ErrClosed
		default:
			return nil, &net.OpError{Op: "accept", Net: "tcp", Err: syscall.EMFILE}
		}
	}
	c, err := l.pipes.Accept()
	return &giving{Conn: c, left: l.left}, err
}

// giving gives its descriptor back.
type giving struct {
	net.Conn
	left chan struct{}
	once sync.Once
}

func (g *giving) Close() error {
	g.once.Do(func() { g.left <- struct{}{} })
	return g.Conn.Close()
}

// Where no descriptor is left, connections that say nothing make place.
func TestNoDescriptorIsHeldInSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := noDescriptors{&pipes{conns: make(chan net.Conn), done: make(chan struct{})}, make(chan struct{}, 101)}
		for range 20 {
			l.left <- struct{}{}
		}
		i := start(t, l, settings{})
		dial := func() net.Conn {
			c, err := l.dial()
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		begin := time.Now()
		for range 100 {
			defer dial().Close()
		}
		p := &peer{Conn: dial(), t: t}
		p.upgrade("/ws")
		at(t, begin, 0)
		if n := i.counts()["handshakes_unfinished_total pushed_out"]; n < 80 {
			t.Errorf("%d made place", n)
		}
		p.Close()
	})
}

// What comes in time is read although the process did not run until its time was up: the head, the
// begin of TLS, and the answer to a close frame.
func TestAFrozenProcessReadsHandshakesAndEnds(t *testing.T) {
	frozen := func(t *testing.T, i *instance) (net.Conn, *overslept) {
		client, server := net.Pipe()
		slept := &overslept{Conn: server, late: make(chan struct{}, 1)}
		i.listener.(*pipes).conns <- addressed{slept, "192.0.2.1:1"}
		return client, slept
	}
	t.Run("head", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			i := onPipes(t, settings{})
			c, slept := frozen(t, i)
			slept.late <- struct{}{}
			elapse(handshakeTimeout + time.Second)
			p := &peer{Conn: c, t: t}
			p.upgrade(protocol.PathConsume)
			elapse(24 * time.Second) // and nothing of that is left
			p.want(ws.OpPing, "p")
			p.Close()
		})
	})
	t.Run("TLS", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			cert, pool := certificate(t)
			i := onPipes(t, settings{change: func(o *Options) { o.TLS = &tls.Config{Certificates: []tls.Certificate{cert}} }})
			c, slept := frozen(t, i)
			slept.late <- struct{}{}
			elapse(handshakeTimeout + time.Second)
			secure := tls.Client(c, &tls.Config{RootCAs: pool, ServerName: "backbone"})
			if err := secure.Handshake(); err != nil {
				t.Fatal(err)
			}
			p := &peer{Conn: secure, t: t}
			p.upgrade(protocol.PathConsume)
			begin := time.Now()
			p.want(ws.OpPing, "p")
			at(t, begin, 25*time.Second)
			c.Close()
		})
	})
	t.Run("a head that never comes", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			i := onPipes(t, settings{})
			c, slept := frozen(t, i)
			slept.late <- struct{}{}
			elapse(handshakeTimeout + time.Minute + handshakeTimeout)
			if !closedBy(c) {
				t.Error("it is open")
			}
			if n := i.counts()["handshakes_unfinished_total timeout"]; n != 1 {
				t.Errorf("counted %d times", n)
			}
		})
	})
	t.Run("close", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			i := onPipes(t, settings{})
			c, slept := frozen(t, i)
			p := &peer{Conn: c, t: t}
			p.upgrade(protocol.PathConsume)
			synctest.Wait()
			slept.late <- struct{}{}
			p.raw(masked(ws.OpBinary, "x"))
			p.closed(protocol.CloseUnsupportedData)
			elapse(lingerTimeout + time.Second)
			p.raw(masked(ws.OpClose, closing(1003, ""))) // and it is taken
			p.Close()
			i.waitIdle(2 * time.Minute)
		})
	})
}

// What is no HTTP is told at once, in words.
func TestWhatIsNoHTTP(t *testing.T) {
	for begin, looks := range map[string]string{
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03":                       "TLS",
		"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" + upgradeTo("/ws") + "\r\n": "PROXY protocol",
		"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c":                             "PROXY protocol, version 2",
		"SSH-2.0-OpenSSH_9.9\r\n":                                            "SSH",
		"*1\r\n$4\r\nPING\r\n":                                               "Redis",
		"\x1b[2J\x1b]0;evil\x07":                                             "other bytes",
		string(masked(ws.OpText, "x")):                                       "other bytes",
	} {
		synctest.Test(t, func(t *testing.T) {
			log := make(logLines, 10)
			i := onPipes(t, settings{change: func(o *Options) { o.Logger = slog.New(slog.NewTextHandler(log, nil)) }})
			begun := time.Now()
			answer, body := i.ask(begin)
			if answer.StatusCode != http.StatusBadRequest || body != "this port speaks HTTP and WebSocket; what came looks like "+looks {
				t.Errorf("%q was answered with %s %q", begin, answer.Status, body)
			}
			synctest.Wait()
			at(t, begun, 0)
			lines := log.take()
			if len(lines) != 1 || !strings.Contains(lines[0], "looks_like="+strconv.Quote(looks)) && !strings.Contains(lines[0], "looks_like="+looks) || strings.ContainsFunc(strings.TrimSuffix(lines[0], "\n"), func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("%q: %q", begin, lines)
			}
			if n := i.counts()["handshakes_unfinished_total no_http"]; n != 1 {
				t.Errorf("%q: counted %d times", begin, n)
			}
		})
	}
}

// An end of TLS that cannot begin is told with its reason.
func TestWhatIsNoTLS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cert, pool := certificate(t)
		log := make(logLines, 10)
		i := onPipes(t, settings{change: func(o *Options) {
			o.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
			o.Logger = slog.New(slog.NewTextHandler(log, nil))
		}})
		const told = "this port speaks WebSocket over TLS; what came looks like "
		foreign := []struct{ begin, looks string }{
			{upgradeTo("/ws") + "\r\n", withoutTLS},
			{"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", "PROXY protocol"},
			{"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c", "PROXY protocol, version 2"},
			{"SSH-2.0-OpenSSH_9.9\r\n", "SSH"},
		}
		for _, f := range foreign {
			if answer, body := i.ask(f.begin); answer.StatusCode != http.StatusBadRequest || body != told+f.looks {
				t.Errorf("%q was answered with %s %q", f.begin, answer.Status, body)
			}
		}
		raw := i.dial()
		if err := tls.Client(raw, &tls.Config{RootCAs: pool, ServerName: "another"}).Handshake(); err == nil {
			t.Error("a wrong name is taken")
		}
		raw.Close()
		synctest.Wait() // it is told before what follows
		time.Sleep(refusals.Every)
		failures := []struct{ sends, reason string }{
			{"\x16\x03\x01\x00\x04\xff\x00\x00\x00", "local error: tls: unexpected message"},
			{"\x16\x03\x01\xff\xff", "tls: oversized record"},
		}
		for _, f := range failures {
			raw := i.dial()
			go raw.Write([]byte(f.sends))
			io.Copy(io.Discard, raw)
			synctest.Wait()
			time.Sleep(refusals.Every)
		}
		secure := tls.Client(i.dial(), &tls.Config{RootCAs: pool, ServerName: "backbone"}) // and in it a foreigner
		if _, err := io.WriteString(secure, "SSH-2.0-OpenSSH_9.9\r\n"); err != nil {
			t.Fatal(err)
		}
		if answer, err := io.ReadAll(secure); err != nil || !strings.HasSuffix(string(answer), told+"SSH") {
			t.Errorf("in TLS the answer is %q, %v", answer, err)
		}
		synctest.Wait()
		lines := log.take()
		want := []string{withoutTLS, "PROXY protocol", "version 2", "=SSH", "remote error: tls: bad certificate", failures[0].reason, failures[1].reason, "=SSH"}
		for n := range want {
			if len(lines) != len(want) || !strings.Contains(lines[n], want[n]) {
				t.Fatalf("%q", lines)
			}
		}
		if s := i.counts(); s["handshakes_unfinished_total no_http"] != 5 || s["handshakes_unfinished_total tls"] != 3 || s["handshakes_unfinished_total gone"] != 0 {
			t.Errorf("%v", s)
		}
	})
}

// What a peer sends behind its end is read for a while, but not without bound.
func TestAFloodBehindTheEndIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{})
		p := i.consumer()
		p.raw(masked(ws.OpBinary, ""))
		p.closed(protocol.CloseUnsupportedData)
		more, sent := bytes.Repeat([]byte("x"), 64<<10), 0
		for {
			n, err := p.Write(more)
			if sent += n; err != nil {
				break
			}
		}
		if sent < lingerBytes/2 || sent > 2*lingerBytes {
			t.Errorf("%d bytes were read", sent)
		}
		i.waitIdle(time.Minute)
	})
}

// A message whose end does not come is given up, whatever else keeps the connection alive.
func TestAMessageInFragmentsHasATime(t *testing.T) {
	for name, frame := range map[string][]byte{
		"pongs":           masked(ws.OpPong, ""),
		"empty fragments": encode(false, ws.OpContinuation, ""),
		"fragments":       encode(false, ws.OpContinuation, "x"),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := onPipes(t, settings{})
				p, begin := i.consumer(), time.Now()
				p.raw(encode(false, ws.OpText, "{"))
				go func() {
					for {
						if _, err := p.Write(frame); err != nil {
							return
						}
						<-time.After(7 * time.Second)
					}
				}()
				p.closed(protocol.CloseSlowConsumer)
				at(t, begin, messageTimeout)
				p.Close()
				i.waitIdle(time.Minute)
				if n := i.counts()["read_timeouts_total message"]; n != 1 {
					t.Errorf("counted %d times", n)
				}
				elapse(7 * time.Second) // the writer ends
			})
		})
	}
	t.Run("in time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := onPipes(t, settings{}).consumer()
			for range 3 {
				p.raw(encode(false, ws.OpText, `{"type":`))
				go io.Copy(io.Discard, io.LimitReader(p.r, 3)) // a ping
				elapse(messageTimeout / 2)
				p.raw(masked(ws.OpPong, "p"))
				elapse(messageTimeout/2 - time.Second)
				p.raw(encode(true, ws.OpContinuation, `"ping"}`))
				op, text, err := p.next()
				if op == ws.OpPing {
					_, text, err = p.next()
				}
				if err != nil || pongless(text) != `{"type":"pong","ts":T}` {
					t.Fatalf("%s %v", text, err)
				}
			}
		})
	})
	t.Run("of a frozen process", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			i := onPipes(t, settings{change: func(o *Options) { o.Limits.PingInterval = time.Hour }})
			client, server := net.Pipe()
			slept := &overslept{Conn: server, late: make(chan struct{}, 1)}
			i.listener.(*pipes).conns <- addressed{slept, "192.0.2.1:1"}
			p := &peer{Conn: client, t: t}
			p.upgrade(protocol.PathConsume)
			p.raw(encode(false, ws.OpText, `{"type":`))
			slept.late <- struct{}{}
			elapse(messageTimeout + time.Second)
			p.raw(encode(true, ws.OpContinuation, `"ping"}`))
			if _, text, err := p.next(); err != nil || pongless(text) != `{"type":"pong","ts":T}` {
				t.Fatalf("%s %v", text, err)
			}
			p.Close()
		})
	})
}
