package redistest_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"backbone/internal/redistest"
)

func TestProxyCutsSwallowsAndMends(t *testing.T) {
	s := redistest.Start(t)
	p := redistest.NewProxy(t, s)
	c := dial(t, p)
	c.ping("+PONG\r\n", nil)

	p.HalfOpen()
	c.ping("", os.ErrDeadlineExceeded)
	dial(t, p).ping("", os.ErrDeadlineExceeded)
	p.Whole()
	dial(t, p).ping("+PONG\r\n", nil)

	c = dial(t, p)
	c.ping("+PONG\r\n", nil)
	p.Cut()
	if _, err := c.r.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("read after the cut: %v, want the connection closed", err)
	}
	if conn, err := net.Dial("tcp", strings.TrimPrefix(p.URL(), "redis://")); err == nil {
		_ = conn.Close()
		t.Error("a proxy that is cut took a connection")
	}
	p.Mend()
	dial(t, p).ping("+PONG\r\n", nil)

	p.Delay(30 * time.Millisecond)
	begun := time.Now()
	dial(t, p).ping("+PONG\r\n", nil)
	if took := time.Since(begun); took < 60*time.Millisecond {
		t.Errorf("an answer took %v, want 30 ms each way", took)
	}
}

func TestProxySwallowsOneWay(t *testing.T) {
	s := redistest.Start(t)
	p := redistest.NewProxy(t, s)
	for _, begin := range []func(){p.Mute, p.Deafen} {
		c := dial(t, p)
		c.ping("+PONG\r\n", nil)
		begin()
		c.ping("", os.ErrDeadlineExceeded)
		p.Whole()
	}
}

func TestProxyClosesSlowly(t *testing.T) {
	s := redistest.Start(t)
	p := redistest.NewProxy(t, s)
	c := dial(t, p)
	c.ping("+PONG\r\n", nil)
	p.SlowClose(200 * time.Millisecond)
	c.ping("+PONG\r\n", nil)
	begun := time.Now()
	s.Kill()
	if err := c.SetReadDeadline(begun.Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.r.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("read after the server went: %v, want the connection closed", err)
	}
	if took := time.Since(begun); took < 200*time.Millisecond {
		t.Errorf("the close came after %v, want 200 ms", took)
	}
	p.Whole()
}

type pinger struct {
	t *testing.T
	net.Conn
	r *bufio.Reader
}

func dial(t *testing.T, p *redistest.Proxy) pinger {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(p.URL(), "redis://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return pinger{t, c, bufio.NewReader(c)}
}

// ping expects an answer, or the error instead of one within a short time.
func (p pinger) ping(want string, wantErr error) {
	p.t.Helper()
	if _, err := p.Write([]byte("PING\r\n")); err != nil {
		p.t.Fatal(err)
	}
	wait := 20 * time.Second
	if wantErr != nil {
		wait = 50 * time.Millisecond
	}
	if err := p.SetReadDeadline(time.Now().Add(wait)); err != nil {
		p.t.Fatal(err)
	}
	if line, err := p.r.ReadString('\n'); line != want || !errors.Is(err, wantErr) {
		p.t.Errorf("PING: %q, %v, want %q, %v", line, err, want, wantErr)
	}
}
