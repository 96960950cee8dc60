package feed

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"backbone/internal/cli"
	"backbone/internal/feed"
	"backbone/internal/feed/exchanges"
	"backbone/internal/feed/feedtest"
	"backbone/internal/feed/runner"
	"backbone/internal/telemetry"
)

// watched is a feed whose log and metrics a test reads, in fake time.
type watched struct {
	*feedtest.Session
	t     *testing.T
	lines chan string // of the log, not read yet
	log   *strings.Builder
}

// watch runs a test on a feed of an exchange.
func watch(t *testing.T, exchange string, bad bool, m feedtest.Manners, test func(w watched)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		e, ok := exchanges.Find(exchange)
		if !ok {
			t.Fatalf("there is no %s", exchange)
		}
		w := watched{t: t, lines: make(chan string, 100), log: &strings.Builder{}}
		w.Session = feedtest.Start(t, e, feed.Trades, bad, func(s *feedtest.Session, o *runner.Options) {
			s.Behave(m)
			o.Log = slog.New(slog.NewTextHandler(cli.WriterFunc(func(b []byte) error {
				w.lines <- string(b)
				return nil
			}), nil))
		})
		test(w)
		w.Finish()
	})
}

// reads checks the metrics, as they are served.
func (w watched) reads(lines ...string) {
	w.t.Helper()
	reg := telemetry.NewRegistry("test")
	if err := register(reg, w.Status); err != nil {
		w.t.Fatal(err)
	}
	text := scrape(w.t, reg)
	for _, line := range lines {
		if !strings.Contains(text, "\nbackbone_feed_"+line+"\n") {
			w.t.Errorf("no %s in\n%s", line, text)
		}
	}
}

// said checks that the log has a line with a reason as often as given, and that one has the text.
func (w watched) said(reason feed.Reason, times int, text string) {
	w.t.Helper()
	for len(w.lines) > 0 {
		w.log.WriteString(<-w.lines)
	}
	n, found := 0, text == ""
	for line := range strings.Lines(w.log.String()) {
		if strings.Contains(line, " reason="+string(reason)+" ") {
			n++
			found = found || strings.Contains(line, text)
		}
	}
	if n != times || !found {
		w.t.Errorf("the log has %d lines of %s, want %d with %q:\n%s", n, reason, times, text, w.log)
	}
}

// pass trades all symbols but the first for a while, each second, with the exchange's signs of life.
func (w watched) pass(d time.Duration) {
	for range d / time.Second {
		for _, symbol := range w.Symbols[1:] {
			p := w.Next(symbol, 1)
			w.Expect(symbol, p...)
			w.Publish(symbol, p...)
		}
		w.Ping()
		w.Wait(time.Second - 2*time.Millisecond)
	}
}

// A symbol that brings nothing for a minute while its connection lives is silent, and nothing else is.
func TestASilentSymbol(t *testing.T) {
	watch(t, "binance", false, feedtest.Manners{}, func(w watched) {
		w.Trade(1)
		w.pass(58 * time.Second)
		w.reads(`symbols{state="live"} 3`, `symbols{state="silent"} 0`)
		w.said(feed.Silent, 0, "")
		w.pass(4 * time.Second)
		w.reads(`symbols{state="live"} 2`, `symbols{state="silent"} 1`, `symbols{state="down"} 0`, `symbols{state="rejected"} 0`,
			`reasons_total{reason="silent"} 1`, `reasons_total{reason="dead"} 0`, `reasons_total{reason="rejected"} 0`)
		w.said(feed.Silent, 1, `msg="a symbol is silent" exchange=binance reason=silent count=1 last="`+w.Symbols[0]+`: no data for 1m0s, though the connection lives"`)
		w.pass(10 * time.Minute)
		w.said(feed.Silent, 1, "")
		w.Trade(1)
		w.Wait(2 * time.Second)
		w.reads(`symbols{state="live"} 3`, `symbols{state="silent"} 0`, `reasons_total{reason="live_again"} 1`)
		w.said(feed.Live, 1, w.Symbols[0])
		w.said(feed.Dead, 0, "")
	})
}

// A connection that brings no frame at all for twice the exchange's interval is dead. Its symbols are
// down until another one stands.
func TestADeadConnection(t *testing.T) {
	watch(t, "binance", false, feedtest.Manners{NoPongs: true}, func(w watched) {
		e, _ := exchanges.Find("binance")
		quiet := e.Limits.FrameQuiet
		w.Trade(1)
		w.Wait(quiet - 2*time.Second)
		w.reads(`symbols{state="live"} 3`, `reasons_total{reason="dead"} 0`)
		w.said(feed.Dead, 0, "")
		w.Refuse(3, http.StatusServiceUnavailable, "")
		w.Wait(4 * time.Second)
		w.reads(`symbols{state="down"} 3`, `symbols{state="live"} 0`, `symbols{state="silent"} 0`, `symbols{state="rejected"} 0`,
			`reasons_total{reason="dead"} 1`, `reasons_total{reason="silent"} 0`, `reasons_total{reason="rejected"} 0`)
		w.said(feed.Dead, 1, `msg="a connection is dead and is made anew" exchange=binance reason=dead count=1 last="no frame came for `+quiet.String()+`"`)
		w.said(feed.Silent, 0, "")
		w.Wait(20 * time.Second)
		w.Trade(1)
		w.Wait(2 * time.Second)
		w.reads(`symbols{state="live"} 3`, `symbols{state="down"} 0`)
	})
}

// A symbol that the exchange refuses is rejected at once, and the others go on.
func TestAnUnknownSymbol(t *testing.T) {
	watch(t, "bybit", true, feedtest.Manners{}, func(w watched) {
		w.Trade(1)
		w.Wait(2 * time.Second) // 5 s after the start
		w.reads(`symbols{state="live"} 3`, `symbols{state="rejected"} 1`, `symbols{state="silent"} 0`, `symbols{state="down"} 0`,
			`reasons_total{reason="rejected"} 1`, `reasons_total{reason="silent"} 0`, `reasons_total{reason="dead"} 0`)
		w.said(feed.Rejected, 1, `msg="the exchange does not take a symbol" exchange=bybit reason=rejected count=1 last="`+w.Bad+": ")
		w.pass(2 * time.Minute)
		w.said(feed.Rejected, 1, "")
		w.reads(`symbols{state="rejected"} 1`)
	})
}

// One that the exchange acks all the same is silent after a minute, and the log asks for its spelling.
func TestAnUnknownSymbolThatIsAcked(t *testing.T) {
	watch(t, "binance", true, feedtest.Manners{}, func(w watched) {
		w.Trade(1)
		w.pass(54 * time.Second) // 57 s after the start
		w.reads(`symbols{state="acked"} 1`, `symbols{state="silent"} 0`)
		w.pass(3 * time.Second)
		w.Trade(1)
		w.pass(3 * time.Second)
		w.reads(`symbols{state="live"} 3`, `symbols{state="silent"} 1`, `symbols{state="acked"} 0`, `reasons_total{reason="silent"} 1`, `reasons_total{reason="dead"} 0`)
		w.said(feed.Silent, 1, `last="`+w.Bad+`: no data since it was acknowledged 1m0s ago: is it spelt as the exchange does, and traded?"`)
		w.said(feed.Dead, 0, "")
	})
}
