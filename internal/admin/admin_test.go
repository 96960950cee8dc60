package admin_test

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"backbone/internal/admin"
	"backbone/internal/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pipes is a listener whose connections have no buffer: a client that does not read
// stops the server's next write.
type pipes struct {
	conns chan net.Conn
	done  context.Context
}

func (p pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done.Done():
		return nil, net.ErrClosed
	}
}
func (p pipes) Close() error   { return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// dial serves the admin pages on a pipe, with a fake clock, until the test ends.
func dial(t *testing.T) net.Conn {
	ctx, stop := context.WithCancel(context.Background())
	l := pipes{make(chan net.Conn), ctx}
	server := admin.New(admin.Options{Registry: telemetry.NewRegistry(""), Token: new(admin.Token), Pprof: true, Logger: slog.New(slog.DiscardHandler)})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(l)
	}()
	mine, other := net.Pipe()
	l.conns <- other
	t.Cleanup(func() {
		stop()
		<-ended
		_ = server.Close()
		_ = mine.Close()
		synctest.Wait()
	})
	return mine
}

// closedAfter is how long the server leaves a connection open on which nothing is read
// before the end.
func closedAfter(t *testing.T, c net.Conn) time.Duration {
	t.Helper()
	begun := time.Now()
	// A write finds the other end closed even while what the server wrote is not read.
	for {
		time.Sleep(time.Second)
		_ = c.SetWriteDeadline(time.Now().Add(time.Millisecond))
		if _, err := c.Write([]byte("x")); err != nil && !strings.Contains(err.Error(), "timeout") {
			return time.Since(begun)
		}
		if time.Since(begun) > time.Hour {
			t.Fatal("it stays open for an hour")
		}
	}
}

func TestAScraperThatDoesNotReadIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := dial(t)
		if _, err := io.WriteString(c, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if took := closedAfter(t, c); took > 32*time.Second {
			t.Errorf("closed after %v, want 30s", took)
		}
	})
}

func TestABodyThatDoesNotComeEndsTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := dial(t)
		begun := time.Now()
		if _, err := io.WriteString(c, "GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, c)
		if took := time.Since(begun); took > 12*time.Second {
			t.Errorf("closed after %v, want 10s", took)
		}
	})
}

func TestAnIdleConnectionIsClosedAfterTwoMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := dial(t)
		r := bufio.NewReader(c)
		for range 2 { // the second comes after the first's deadlines, which no longer hold
			if _, err := io.WriteString(c, "GET /debug/pprof/cmdline HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			resp, err := http.ReadResponse(r, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, resp.Body); err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Second)
		}
		begun := time.Now()
		_, _ = r.ReadByte()
		if took := time.Since(begun); took != 20*time.Second {
			t.Errorf("closed %v later, want 20s", took)
		}
	})
}

func TestAProfileMayTakeLongerThanADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := dial(t)
		if _, err := io.WriteString(c, "GET /debug/pprof/goroutine?seconds=90 HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(resp.Body); err != nil || len(body) == 0 || resp.StatusCode != http.StatusOK {
			t.Errorf("status %d, %d bytes, %v", resp.StatusCode, len(body), err)
		}
	})
}

func TestProfilesAreServed(t *testing.T) {
	for path, want := range map[string]int{
		"/debug/pprof/": 200, "/debug/pprof/goroutine?debug=1": 200, "/debug/pprof/cmdline": 200, "/debug/pprof/symbol": 200, "/": 404, "/healthz": 404,
	} {
		s := admin.New(admin.Options{Registry: telemetry.NewRegistry(""), Token: new(admin.Token), Pprof: true, Logger: slog.New(slog.DiscardHandler)})
		w := httptest.NewRecorder()
		s.Handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost"+path, nil))
		if w.Code != want {
			t.Errorf("%s: status %d, want %d", path, w.Code, want)
		}
	}
}
