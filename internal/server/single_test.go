package server_test

import (
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"backbone/client"
	"backbone/internal/config"
	"backbone/protocol"
)

func TestEveryPriceArrivesInOrder(t *testing.T) {
	const n = 20_000
	in := start(t)
	c := in.consume("BTC_USDT")
	publish(t, in.ingestor(), "BTC_USDT", 1, n)
	got := listen(t, c, func(g tally) bool { return g.live+g.skipped == n })
	if got.last != n {
		t.Errorf("got %+v", got)
	}
}

// stalled consumers must not cost the others anything, nor the server much, and are
// told what they missed when they read again.
func TestConsumersThatNeverReadHurtOnlyThemselves(t *testing.T) {
	const n, stalled = 200_000, 20
	in := start(t, func(c *config.Serve) { c.WriteTimeout, c.PingInterval = time.Minute, time.Hour }) // or else a busy machine closes them
	var sleepers []interface {
		io.Reader
		SetReadDeadline(time.Time) error
	}
	for range stalled {
		sleepers = append(sleepers, in.rawConsumer("BTC_USDT"))
	}
	c := in.consume("BTC_USDT")
	p := in.ingestor()
	before := heap()
	published := make(chan struct{})
	go func() {
		defer close(published)
		publish(t, p, "BTC_USDT", 1, n)
	}()
	got := listen(t, c, func(g tally) bool { return g.live+g.skipped == n })
	<-published
	if got.last != n {
		t.Errorf("the reader got %+v", got)
	}
	if grown := heap() - before; grown > 128<<20 {
		t.Errorf("the heap grew by %d MiB", grown>>20)
	}
	if err := sleepers[0].SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	var told, newest bool
	var tail string
	for !told || !newest {
		b := make([]byte, 64<<10)
		k, err := sleepers[0].Read(b)
		if err != nil {
			t.Fatalf("the sleeper that woke up: conflated %v, newest %v: %v", told, newest, err)
		}
		text := tail + string(b[:k])
		told = told || strings.Contains(text, `"conflated"`)
		newest = newest || strings.Contains(text, `"price":200000,`)
		tail = text[max(0, len(text)-100):]
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestAStopFlushesAndClosesWith1012(t *testing.T) {
	in := start(t, lossless)
	c := in.consume("BTC_USDT")
	publish(t, in.ingestor(), "BTC_USDT", 1, 1000)
	if err := in.Stop(); err != nil {
		t.Fatal(err)
	}
	var got tally
	for e := range c.Events() {
		if d, ok := e.(client.Disconnected); ok {
			var closed *client.CloseError
			if !errors.As(d.Err, &closed) || closed.Code != protocol.CloseRestart {
				t.Errorf("closed with %v, want 1012", d.Err)
			}
			break
		}
		got.take(t, e)
	}
	if got.live != 1000 {
		t.Errorf("got %+v, want all that was queued", got)
	}
}

func TestHealthAndMetrics(t *testing.T) {
	in := start(t)
	for path, want := range map[string]string{
		protocol.PathHealth: `{"status":"ok"}`,
		protocol.PathReady:  `{"status":"ready","bridge":"off"}`,
	} {
		if status, body := in.get(path); status != http.StatusOK || strings.TrimSpace(body) != want {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	for _, path := range []string{"/metrics", "/ws/", "//ws", "/a/../ws", "//healthz"} {
		if status, body := in.get(path); status != http.StatusNotFound {
			t.Errorf("%s on the public address: %d %s", path, status, body)
		}
	}
	text := in.metrics()
	for _, family := range []string{
		`backbone_connections{role="CONSUMER"} 0`, `backbone_undelivered_total{reason="conflated"} 0`,
		`backbone_requests_refused_total{code="invalid_event"} 0`, "go_goroutines", "process_cpu_seconds_total",
		`backbone_bridge_dropped_total{reason="in_doubt"} 0`, `backbone_bridge_state{state="ok"} 0`, "backbone_write_timeouts_total 0",
		`backbone_limit{limit="bad_messages"} 1000`, `backbone_limit{limit="chat_rate"} 10`, `backbone_limit_used{limit="connections"} 0`,
		`backbone_limited_total{limit="memory"} 0`, `backbone_lags_total{why="age"} 0`, "backbone_delivery_age_seconds_count 0",
	} {
		if !strings.Contains(text, family) {
			t.Errorf("metrics lack %s", family)
		}
	}
}

func TestIngestorsNeedAKeyWhereKeysAreConfigured(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(file, []byte("feed:0123456789abcdef0123\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	in := start(t, func(c *config.Serve) { c.IngestKeysFile = file })
	if _, err := client.DialIngestor(t.Context(), in.URL(), nil); !errors.Is(err, client.ErrRefused) {
		t.Errorf("without a key: %v", err)
	}
	if _, err := client.DialIngestor(t.Context(), in.URL(), &client.IngestorOptions{Options: client.Options{APIKey: "wrong"}}); !errors.Is(err, client.ErrRefused) {
		t.Errorf("with a wrong key: %v", err)
	}
	p, err := client.DialIngestor(t.Context(), in.URL(), &client.IngestorOptions{Options: client.Options{APIKey: "0123456789abcdef0123"}})
	if err != nil {
		t.Fatal(err)
	}
	c := in.consume("BTC_USDT") // a consumer needs none
	publish(t, p, "BTC_USDT", 1, 1)
	listen(t, c, func(g tally) bool { return g.live == 1 })
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
}
