package feed

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"backbone/client"
	"backbone/client/clienttest"
	"backbone/internal/admin"
	"backbone/internal/cli"
	"backbone/internal/cli/clitest"
	"backbone/internal/feed"
	"backbone/internal/feed/exchanges"
	"backbone/internal/feed/feedtest"
	"backbone/internal/feed/runner"
	"backbone/internal/server/servertest"
	"backbone/internal/telemetry"
	"backbone/protocol"
)

func TestMain(m *testing.M) {
	if os.Getenv(far) != "" {
		farEnds()
		return
	}
	goleak.VerifyTestMain(m)
}

// patience bounds every wait of a test; only a failing one uses it up.
const patience = 30 * time.Second

// fakeOf starts the fake of an exchange, and says where it is.
func fakeOf(ctx context.Context, t *testing.T, name string) (*feedtest.Fake, feed.Dialect, string) {
	t.Helper()
	e, ok := exchanges.Find(name)
	if !ok {
		t.Fatalf("there is no %s", name)
	}
	ctx, stop := context.WithCancel(ctx)
	d := e.Dialect(feed.Trades)
	fake := feedtest.New(ctx, d, e.Limits)
	server := httptest.NewServer(fake)
	t.Cleanup(func() {
		stop()
		fake.Wait()
		server.Close()
	})
	return fake, d, "ws" + strings.TrimPrefix(server.URL, "http")
}

// trade publishes trades of a symbol until ctx ends.
func trade(ctx context.Context, fake *feedtest.Fake, d feed.Dialect, symbol string) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for n := 1; ; n++ {
		fake.Publish(symbol, d.Price(symbol, "0.08200000000000000000", n, 1_700_000_000_000+int64(n)))
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func TestPrintsNothingButPrices(t *testing.T) {
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	fake, d, url := fakeOf(ctx, t, "bybit-linear")
	go trade(ctx, fake, d, "BTCUSDT")
	running, enough := context.WithCancel(ctx)
	var out, said bytes.Buffer // of the goroutine of the command
	code := clitest.Run(running, t, &Cmd{}, cli.Streams{Out: cli.WriterFunc(func(b []byte) error {
		out.Write(b)
		if strings.Count(out.String(), "\n") >= 5 {
			enough()
		}
		return nil
	}), Err: &said}, "bybit-linear", "BTCUSDT=BTC", "--print", "--exchange-url", url)
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if code != cli.ExitDone || len(lines) < 5 {
		t.Fatalf("exit code %d, printed %q, said %s", code, lines, &said)
	}
	for _, line := range lines {
		if !strings.HasPrefix(line, `{"type":"price_update","instrument":"BTC","price":0.08200000000000000000,"ts":1700000000`) {
			t.Errorf("printed %s", line)
		}
	}
}

// A server that takes the credentials back ends a feed of which no price comes.
func TestAFinalRefusalEndsAQuietFeed(t *testing.T) {
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	_, _, url := fakeOf(ctx, t, "binance")
	srv := clienttest.NewServer()
	defer srv.Close()
	var said strings.Builder
	hear := cli.WriterFunc(func(line []byte) error {
		said.Write(line)
		if strings.Contains(string(line), "connected") {
			srv.CloseWith(protocol.CloseUnauthorized, "the key was removed")
		}
		return nil
	})
	code := clitest.Run(ctx, t, &Cmd{}, cli.Streams{Out: io.Discard, Err: hear}, "binance", "ethusdt", "--exchange-url", url, "--url", srv.URL)
	if code != cli.ExitRefused || ctx.Err() != nil || !strings.HasSuffix(said.String(), " refuses: the server closed the connection: 4401 the key was removed\n") {
		t.Errorf("exit code %d, said %s", code, &said)
	}
}

func TestPublishesWhatComes(t *testing.T) {
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	fake, d, url := fakeOf(ctx, t, "binance")
	server := servertest.Start(t)
	conn, err := client.Dial(ctx, server.URL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.Join(ctx, "x:ethusdt"); err != nil {
		t.Fatal(err)
	}
	running, enough := context.WithCancel(ctx)
	code := make(chan int, 1)
	var said bytes.Buffer // of the goroutine of the command
	go func() {
		code <- clitest.Run(running, t, &Cmd{}, cli.Streams{Out: cli.WriterFunc(func(b []byte) error {
			t.Errorf("printed %s", b)
			return nil
		}), Err: &said}, "binance", "ethusdt", "--prefix", "x:", "--exchange-url", url, "--url", server.URL())
	}()
	go trade(ctx, fake, d, "ethusdt")
	for n := 0; n < 5; {
		select {
		case e := <-conn.Events():
			if u, ok := e.(client.PriceUpdate); ok {
				if n++; u.Price != "0.08200000000000000000" || !strings.HasPrefix(string(u.Data), `{"size":0.30500000,"side":"`) {
					t.Errorf("%+v", u)
				}
			}
		case <-ctx.Done():
			t.Fatal("the prices do not come")
		}
	}
	enough()
	if got := <-code; got != cli.ExitDone {
		t.Errorf("exit code %d: %s", got, &said)
	}
}

func TestExitCodes(t *testing.T) {
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	_, _, url := fakeOf(ctx, t, "bybit")
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	not := func(status int) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "sorry", status) }))
		t.Cleanup(s.Close)
		return "ws" + strings.TrimPrefix(s.URL, "http")
	}
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"no data":            {[]string{"BTCUSDT", "--print", "--idle", "100ms", "--exchange-url", url}, cli.ExitNoData, "no price came within 100ms"},
		"only unknown":       {[]string{"NOSUCHUSDT", "--print", "--exchange-url", url}, cli.ExitRefused, "NOSUCHUSDT: error:handler not found"},
		"nobody there":       {[]string{"BTCUSDT", "--print", "--connect-timeout", "50ms", "--exchange-url", "ws" + strings.TrimPrefix(gone.URL, "http")}, cli.ExitConnect, "cannot connect to ws://127.0.0.1:"},
		"not here":           {[]string{"BTCUSDT", "--print", "--exchange-url", not(451)}, cli.ExitRefused, "451"},
		"no such path":       {[]string{"BTCUSDT", "--print", "--exchange-url", not(404)}, cli.ExitRefused, "is ws://127.0.0.1:"},
		"no server of ours":  {[]string{"BTCUSDT", "--exchange-url", url, "--url", "ws" + strings.TrimPrefix(gone.URL, "http")}, cli.ExitConnect, "--url"},
		"one symbol is two":  {[]string{"BTCUSDT", "btcusdt", "--print"}, cli.ExitUsage, "one symbol"},
		"no symbol":          {[]string{}, cli.ExitUsage, "such as BTCUSDT"},
		"no address":         {[]string{"BTCUSDT", "--exchange-url", "http://x"}, cli.ExitUsage, "--exchange-url must be ws://"},
		"silence at once":    {[]string{"BTCUSDT", "--silent-after", "1ms"}, cli.ExitUsage, "--silent-after"},
		"--print and a URL":  {[]string{"BTCUSDT", "--url", "nonsense"}, cli.ExitUsage, "--url"},
		"idle below nothing": {[]string{"BTCUSDT", "--idle=-1s"}, cli.ExitUsage, "--idle"},
	} {
		t.Run(name, func(t *testing.T) {
			var said bytes.Buffer
			code := clitest.Run(ctx, t, &Cmd{}, cli.Streams{Out: cli.WriterFunc(func(b []byte) error { return nil }), Err: &said}, append([]string{"bybit"}, c.args...)...)
			if code != c.code || !strings.Contains(said.String(), c.says) {
				t.Errorf("exit code %d, said %s; want %d and %q", code, &said, c.code, c.says)
			}
		})
	}
}

func TestMetrics(t *testing.T) {
	reg := telemetry.NewRegistry("test")
	err := register(reg, func() runner.Status {
		return runner.Status{
			Symbols: []runner.Symbol{{Name: "A", State: runner.Live, Published: 7}, {Name: "B", State: runner.Quiet, Published: 1}, {Name: "C", State: runner.Live}},
			Counts:  map[feed.Reason]uint64{feed.BadPrice: 3},
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	text := scrape(t, reg)
	for _, line := range []string{
		`backbone_feed_symbols{state="live"} 2`, `backbone_feed_symbols{state="silent"} 1`, `backbone_feed_symbols{state="rejected"} 0`,
		`backbone_feed_prices_total 8`, `backbone_feed_reasons_total{reason="bad_price"} 3`, `backbone_feed_reasons_total{reason="dead"} 0`,
	} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("no %s in\n%s", line, text)
		}
	}
}

// scrape is what /metrics answers.
func scrape(t *testing.T, reg *prometheus.Registry) string {
	answer := httptest.NewRecorder()
	o := admin.Options{Registry: reg, Token: new(admin.Token), Logger: slog.New(slog.DiscardHandler)}
	admin.New(o).Handler.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/metrics", nil))
	return answer.Body.String()
}

func TestMetricsAreServed(t *testing.T) {
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	_, _, url := fakeOf(ctx, t, "bybit")
	running, enough := context.WithCancel(ctx)
	lines := make(chan string, 64)
	code := make(chan int, 1)
	go func() {
		code <- clitest.Run(running, t, &Cmd{}, cli.Streams{Out: io.Discard, Err: cli.WriterFunc(func(b []byte) error {
			lines <- string(b)
			return nil
		})}, "bybit", "BTCUSDT", "--print", "--exchange-url", url, "--metrics-listen", "127.0.0.1:0")
	}()
	var address string
	for address == "" {
		select {
		case line := <-lines:
			if m := regexp.MustCompile(`"listen":"([^"]*)"`).FindStringSubmatch(line); m != nil {
				address = m[1]
			}
		case <-ctx.Done():
			t.Fatal("nothing says where the metrics are")
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || !strings.Contains(string(text), "backbone_feed_symbols") {
		t.Errorf("%v: %s", err, text)
	}
	enough()
	if got := <-code; got != cli.ExitDone {
		t.Errorf("exit code %d", got)
	}
}

// Where no price came, it is said whether there still is a connection.
func TestIdle(t *testing.T) {
	e, _ := exchanges.Find("kraken")
	for says, states := range map[string][]runner.State{
		"are the symbols written as in BTC/USD": {runner.Down, runner.Acked}, "no connection to the exchange is left": {runner.Down, runner.Down},
	} {
		var s runner.Status
		for _, state := range states {
			s.Symbols = append(s.Symbols, runner.Symbol{State: state})
		}
		if err := idle(s, e, time.Second); !strings.Contains(err.Error(), says) {
			t.Errorf("%v: %v", states, err)
		}
	}
}

// Each exchange has what --list shows, and an example that it takes.
// A log that was sent to a file is in it, whether there is a table or not.
func TestALogGoesWhereItWasSent(t *testing.T) {
	for _, table := range []bool{false, true} {
		var file bytes.Buffer
		last := &lastLine{}
		log, err := logger(cli.Streams{Err: &file}, table, last)
		if err != nil {
			t.Fatal(err)
		}
		log.Info("a symbol is silent")
		if !strings.Contains(file.String(), `"msg":"a symbol is silent"`) {
			t.Errorf("table %v: the file has %q", table, file.String())
		}
		if got := strings.Contains(last.String(), "a symbol is silent"); got != table {
			t.Errorf("table %v: the table shows %q", table, last.String())
		}
	}
}

func TestTheListIsWhole(t *testing.T) {
	text := list()
	for _, e := range exchanges.All() {
		for _, part := range []string{e.Name, e.Title, e.Spelling, e.Example, e.URL} {
			if part == "" || !strings.Contains(text, part) {
				t.Errorf("%s: %q is missing", e.Name, part)
			}
		}
		for _, kind := range e.Kinds {
			if _, err := e.Plan(feed.Request{URL: e.URL, Kind: kind, Symbols: []string{e.Example}}); err != nil {
				t.Errorf("%s: %v", e.Name, err)
			}
		}
		if len(e.Kinds) == 0 || e.Kinds[0] != feed.Trades || e.Limits.FrameQuiet == 0 {
			t.Errorf("%s: %+v", e.Name, e)
		}
	}
}
