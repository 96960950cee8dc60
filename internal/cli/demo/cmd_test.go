package demo

import (
	"bytes"
	"context"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"backbone/client"
	"backbone/internal/cli"
	"backbone/internal/cli/clitest"
	"backbone/internal/feed"
	"backbone/internal/feed/exchanges"
	"backbone/internal/feed/feedtest"
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
		(&Cmd{Rate: 1000, Seed: 1}).simulate(trading, ingestor)
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

// The market of an exchange is shown like the simulated one.
func TestTheDemoShowsAnExchange(t *testing.T) {
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	e, _ := exchanges.Find("binance")
	d := e.Dialect(feed.Trades)
	faking, end := context.WithCancel(ctx)
	fake := feedtest.New(faking, d, e.Limits)
	server := httptest.NewServer(fake)
	defer func() {
		end()
		fake.Wait()
		server.Close()
	}()
	go func() {
		for n := 1; faking.Err() == nil; n++ {
			fake.Publish("BTCUSDT", d.Price("BTCUSDT", "0.08200000000000000000", n, time.Now().UnixMilli()))
			select {
			case <-time.After(10 * time.Millisecond):
			case <-faking.Done():
			}
		}
	}()
	running, enough := context.WithCancel(ctx)
	var printed strings.Builder // of the goroutine of the command
	out := cli.WriterFunc(func(b []byte) error {
		printed.Write(b)
		if strings.Count(printed.String(), "\n") >= 3 {
			enough()
		}
		return nil
	})
	code := clitest.Run(running, t, &Cmd{}, cli.Streams{In: strings.NewReader(""), Out: out, Err: io.Discard},
		"--feed", "binance", "BTCUSDT", "--exchange-url", "ws"+strings.TrimPrefix(server.URL, "http"))
	if code != cli.ExitDone || !strings.Contains(printed.String(), `{"type":"price_update","instrument":"BTCUSDT","price":0.08200000000000000000,`) {
		t.Errorf("exit code %d, printed %s", code, &printed)
	}
}

func TestTheDemoOfAnExchangeThatIsNotReached(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for args, c := range map[string]struct {
		code int
		says string
	}{
		"--feed kraken BTC/USD --exchange-url ws" + strings.TrimPrefix(gone.URL, "http"): {cli.ExitConnect, "cannot connect to ws://127.0.0.1:"},
		"--feed nasdaq X":                   {cli.ExitUsage, "--feed must be one of binance, "},
		"--feed kraken":                     {cli.ExitUsage, "--feed needs symbols, such as "},
		"--feed kraken BTC/USD --seed 2":    {cli.ExitUsage, "--feed excludes --rate and --seed"},
		"BTC/USD":                           {cli.ExitUsage, "--feed must name the exchange"},
		"--feed binance BTCUSDT=A ETH=A":    {cli.ExitUsage, "cannot both be"},
		"--feed binance A --exchange-url x": {cli.ExitUsage, "--exchange-url must be ws://"},
	} {
		var said bytes.Buffer
		code := clitest.Run(t.Context(), t, &Cmd{}, cli.Streams{In: strings.NewReader(""), Out: io.Discard, Err: &said}, strings.Fields(args)...)
		if code != c.code || !strings.Contains(said.String(), c.says) {
			t.Errorf("%s: exit code %d, said %s", args, code, &said)
		}
	}
}
