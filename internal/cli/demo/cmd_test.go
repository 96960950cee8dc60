package demo

import (
	"context"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"backbone/client"
	"backbone/internal/market"
	"backbone/internal/server/servertest"
	"backbone/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait of a test; only a failing one uses it up.
const patience = 30 * time.Second

func TestARateThatNothingCanKeepIsRefused(t *testing.T) {
	for _, rate := range []float64{math.NaN(), math.Inf(1), -1, 0, 1e-9, 1e10} {
		if err := (&Cmd{Rate: rate}).Validate(); err == nil || !strings.HasPrefix(err.Error(), "--rate ") {
			t.Errorf("%v: %v, want an error that names the flag", rate, err)
		}
	}
}

func TestTheNoticeFollowsTheBridge(t *testing.T) {
	body := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != protocol.PathReady {
			t.Errorf("%s was asked for", r.URL.Path)
		}
		_, _ = w.Write([]byte(body))
	}))
	defer server.Close()
	for text, want := range map[string]string{
		`{"status":"ready","bridge":"off"}`:      "",
		`{"status":"ready","bridge":"ok"}`:       "",
		`{"status":"ready","bridge":"degraded"}`: "Redis is degraded",
		`nonsense`:                               "no answer from the server",
	} {
		body = text
		if got := bridgeNotice(t.Context(), strings.Replace(server.URL, "http://", "ws://", 1)); !strings.HasPrefix(got, want) || (want == "") != (got == "") {
			t.Errorf("%s: notice %q, want %q", text, got, want)
		}
	}
	server.Close()
	if got := bridgeNotice(t.Context(), strings.Replace(server.URL, "http://", "ws://", 1)); got == "" {
		t.Error("no notice although the server is gone")
	}
}

func TestTradesAreAtTheirOwnTimes(t *testing.T) {
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	url := servertest.Start(t).URL()
	ingestor, err := client.DialIngestor(ctx, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := client.Dial(ctx, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.Join(ctx, market.Instruments()...); err != nil {
		t.Fatal(err)
	}
	trading, end := context.WithCancel(ctx)
	began := time.Now()
	traded := make(chan struct{})
	go func() {
		defer close(traded)
		(&Cmd{Rate: 1000, Seed: 1}).trade(trading, ingestor)
	}()
	prices := map[string]bool{}
	for len(prices) < len(market.Instruments()) {
		e, ok := <-conn.Events()
		if !ok {
			t.Fatalf("the connection ended: %v", conn.Err())
		}
		u, ok := e.(client.PriceUpdate)
		if !ok {
			continue
		}
		prices[u.Instrument] = true
		if at := time.UnixMicro(u.TS); at.Before(began.Add(-time.Second)) || at.After(time.Now().Add(time.Second)) {
			t.Errorf("%+v was published at %v, the test began at %v", u, at, began)
		}
	}
	end()
	<-traded
	if err := ingestor.Close(); err != nil {
		t.Error(err)
	}
}

func TestTheHintCanBeTyped(t *testing.T) {
	for arg0, want := range map[string]string{
		"backbone": "backbone", "bin/backbone": "bin/backbone", "/usr/bin/backbone": "/usr/bin/backbone",
		"/tmp/go-build123/b001/exe/backbone": "go run ./cmd/backbone",
	} {
		if got := invocation(arg0); got != want {
			t.Errorf("%s: %q, want %q", arg0, got, want)
		}
	}
}
