package examples_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"backbone/client"
	"backbone/internal/proctest"
	"backbone/internal/server/servertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestExamples builds the examples, and runs each against a server.
func TestExamples(t *testing.T) {
	dir := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", dir, "./...").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s := &stage{url: "ws://" + servertest.Start(t).Addr().String(), dir: dir}
	t.Run("csv", s.csv)
	t.Run("prices", s.prices)
	t.Run("alert", s.alert)
}

// TestExamplesAreShort counts lines. Programs that did the same without the SDK's helpers, when it
// had none, were twice as long.
func TestExamplesAreShort(t *testing.T) {
	for name, before := range map[string]int{"alert": 67, "csv": 73, "prices": 91} {
		text, err := os.ReadFile(filepath.Join(name, "main.go"))
		if err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(text, []byte("\n")); n > before/2 {
			t.Errorf("%s has %d lines", name, n)
		}
	}
}

// stage is a server, and the folder of the programs.
type stage struct{ url, dir string }

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// start starts a program, which is ended with the test. What it says goes to out.
func (s *stage) start(t *testing.T, out io.Writer, name string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(within(t), filepath.Join(s.dir, name), append([]string{s.url}, args...)...)
	cmd.Stderr = out
	if err := proctest.Begin(cmd); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	})
}

func (s *stage) csv(t *testing.T) {
	cmd := exec.CommandContext(within(t), filepath.Join(s.dir, "csv"), s.url)
	cmd.Stdin = strings.NewReader("BTC_USDT,60214.30,1710000000\nBTC USDT,1,1\nETH_USDT,x,1\nETH_USDT,3012.5,1710000001\n")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, want := range []string{"line 2: ", `line 3: client: invalid_event: price: "x"`, "2 sent, 2 refused, error: <nil>"} {
		if !bytes.Contains(out, []byte(want)) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
}

// prices needs what csv has published.
func (s *stage) prices(t *testing.T) {
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(proctest.FreePort(t))) // the program listens there
	var said bytes.Buffer
	s.start(t, &said, "prices", address, "BTC_USDT", "SOL_USDT")
	get := func(instrument string) string {
		for {
			req, err := http.NewRequestWithContext(within(t), http.MethodGet, "http://"+address+"/"+instrument, nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := http.DefaultClient.Do(req)
			if err == nil {
				body, err := io.ReadAll(resp.Body)
				if err != nil {
					t.Fatal(err)
				}
				_ = resp.Body.Close()
				return resp.Status + ": " + string(body)
			}
			select {
			case <-time.After(20 * time.Millisecond): // it does not listen yet
			case <-t.Context().Done():
				t.Fatal(err)
			}
		}
	}
	defer http.DefaultClient.CloseIdleConnections()
	for instrument, want := range map[string]string{"BTC_USDT": "60214.30", "SOL_USDT": "no price known", "X": "not joined"} {
		got := get(instrument)
		for ctx := within(t); instrument == "BTC_USDT" && strings.Contains(got, "no price known") && ctx.Err() == nil; {
			got = get(instrument) // its price comes a moment after the join
		}
		if !strings.Contains(got, want) || strings.HasPrefix(got, "200") != (instrument == "BTC_USDT") {
			t.Errorf("%s: %s, want %q", instrument, got, want)
		}
	}
}

func (s *stage) alert(t *testing.T) {
	r, w := io.Pipe()
	s.start(t, w, "alert", "ALERT")
	lines := make(chan string)
	go func() {
		b := make([]byte, 200)
		n, _ := r.Read(b) // the first line
		lines <- string(b[:n])
		_, _ = io.Copy(io.Discard, r)
	}()
	t.Cleanup(func() { _ = w.Close() })
	p, err := client.DialIngestor(within(t), s.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for n := 0; ; n++ {
		price := []client.Price{"100", "100.4", "100.5", "100.2"}[n%4]
		if err := p.PublishAck(within(t), client.PriceUpdate{Instrument: "ALERT", Price: price}); err != nil {
			t.Fatal(err)
		}
		select {
		case line := <-lines:
			if !strings.Contains(line, "ALERT: from 100 to 100.5 in ") && !strings.Contains(line, "ALERT: from 100.5 to 100 in ") {
				t.Error(line)
			}
			return
		case <-time.After(20 * time.Millisecond): // the program may not have joined yet
		}
	}
}
