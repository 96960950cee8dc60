package main

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"golang.org/x/sync/errgroup"

	"backbone/client"
	"backbone/internal/cli"
	"backbone/internal/config"
)

func demoServer(t *testing.T) instance {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	var g errgroup.Group
	cfg := config.Default()
	cfg.Listen, cfg.AdminListen = "127.0.0.1:0", "127.0.0.1:0"
	i, err := startInstance(ctx, &g, cfg, slog.New(slog.DiscardHandler))
	t.Cleanup(func() {
		stop()
		if err := g.Wait(); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func TestAServerThatCanNotStartEndsTheDemo(t *testing.T) {
	cfg := config.Default()
	cfg.Listen, cfg.AdminListen = strings.TrimPrefix(demoServer(t).url, "ws://"), ""
	var g errgroup.Group
	if i, err := startInstance(context.Background(), &g, cfg, slog.New(slog.DiscardHandler)); err == nil {
		t.Errorf("an instance serves %+v on an address that is taken", i)
	}
	if g.Wait() == nil {
		t.Error("the group knows no error")
	}
}

func TestTheLiveViewShowsWhatIsPublished(t *testing.T) {
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	i := demoServer(t)
	ingestor, err := client.DialIngestor(ctx, i.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ingestor.Close() //nolint:errcheck // the test ends
	if err := ingestor.PublishAck(ctx, priced("BTC_USDT", "4242.5", 0)); err != nil {
		t.Fatal(err)
	}
	conn, err := client.Dial(ctx, i.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // always nil
	if err := conn.Join(ctx, instruments()...); err != nil {
		t.Fatal(err)
	}
	var screen bytes.Buffer // owned by the program's renderer until watchLive returns
	shown := make(chan struct{})
	out := cli.WriterFunc(func(b []byte) error {
		before := strings.Contains(screen.String(), "4242.5")
		screen.Write(b)
		if !before && strings.Contains(screen.String(), "4242.5") {
			close(shown)
		}
		return nil
	})
	watching, end := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() {
		ended <- watchLive(watching, cli.Streams{In: strings.NewReader(""), Out: out}, conn, i, []string{"a footer"}, tea.WithWindowSize(100, 30))
	}()
	select {
	case <-shown:
	case err := <-ended:
		t.Fatalf("the view ended: %v\n%q", err, &screen)
	case <-ctx.Done():
		t.Error("the price is not shown")
	}
	end()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestTheNoticeFollowsTheBridge(t *testing.T) {
	body := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(body))
	}))
	defer server.Close()
	for text, want := range map[string]string{
		`{"status":"ready","bridge":"off"}`:      "",
		`{"status":"ready","bridge":"ok"}`:       "",
		`{"status":"ready","bridge":"degraded"}`: "Redis is degraded",
		`nonsense`:                               "no word from the server",
	} {
		body = text
		if got := bridgeNotice(t.Context(), server.URL); !strings.HasPrefix(string(got), want) || (want == "") != (got == "") {
			t.Errorf("%s: notice %q, want %q", text, got, want)
		}
	}
	server.Close()
	if got := bridgeNotice(t.Context(), server.URL); got == "" {
		t.Error("no notice although the server is gone")
	}
}

func TestTradesAreAtTheirOwnTimes(t *testing.T) {
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	i := demoServer(t)
	ingestor, err := client.DialIngestor(ctx, i.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := client.Dial(ctx, i.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // always nil
	if err := conn.Join(ctx, instruments()...); err != nil {
		t.Fatal(err)
	}
	trading, end := context.WithCancel(ctx)
	began := time.Now()
	traded := make(chan struct{})
	go func() {
		defer close(traded)
		(&demoCmd{Rate: 1000, Seed: 1}).trade(trading, ingestor)
	}()
	prices := map[string]bool{}
	for len(prices) < len(listings) {
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
