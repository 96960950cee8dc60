// Package feed is the command that publishes the prices of an exchange.
package feed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"backbone/internal/cli"
	"backbone/internal/cli/exchange"
	"backbone/internal/config"
	"backbone/internal/feed"
	"backbone/internal/feed/exchanges"
	"backbone/internal/feed/runner"
	"backbone/internal/telemetry"
)

// Cmd is the command and its flags.
type Cmd struct {
	Exchange string   `arg:"" optional:"" help:"The exchange; --list names them."`
	Symbols  []string `arg:"" optional:"" name:"symbol[=instrument]" help:"Symbols as the exchange spells them. The instrument is the same, unless one stands behind the last =."`

	Kind        string        `enum:"trades,tickers" default:"trades" help:"What to read: trades, or tickers, which are the last price as the exchange sums it up."`
	Prefix      string        `placeholder:"TEXT" empty:"flag" help:"Put this in front of each instrument that is not named with =, such as binance:."`
	Print       bool          `help:"Print the prices as JSON lines instead of publishing them. Needs no server."`
	List        bool          `help:"Name the exchanges, how they spell symbols, and their limits."`
	ExchangeURL string        `name:"exchange-url" placeholder:"URL" help:"Another address of the exchange, as wss://host. The exchange's path is added if there is none."`
	Idle        time.Duration `placeholder:"DURATION" help:"Stop with exit code 5 when no price came for so long. 0 is never."`
	SilentAfter time.Duration `default:"1m" help:"When a symbol without data counts as silent."`

	MetricsListen string `name:"metrics-listen" placeholder:"ADDRESS" help:"Address for /metrics of this feed, such as 127.0.0.1:9091. Anyone who reaches it can read them. Without it there are none."`

	cli.Access `embed:""`
}

// Help is the examples of this command.
func (*Cmd) Help() string {
	return `backbone feed --list
backbone feed binance BTCUSDT=BTC_USDT
backbone feed kraken BTC/USD ETH/USD --kind tickers --print`
}

// Values are the exchanges, for the completion of shells.
func (*Cmd) Values(name string) []string {
	if name != "exchange" {
		return nil
	}
	return exchanges.Names()
}

// Validate is called by kong.
func (c *Cmd) Validate() error {
	if c.List {
		return nil
	}
	e, ok := exchanges.Find(c.Exchange)
	switch {
	case c.Exchange == "":
		return config.Errorf("", "name an exchange and symbols, as in %s BTCUSDT; --list has the exchanges", exchanges.Names()[0])
	case !ok:
		return config.Errorf("", "there is no exchange %q: it is one of %s", c.Exchange, strings.Join(exchanges.Names(), ", "))
	case len(c.Symbols) == 0:
		return config.Errorf("", "name symbols of %s, such as %s", e.Name, e.Example)
	case !slices.Contains(e.Kinds, feed.Kind(c.Kind)):
		return config.Errorf("kind", "must be %s for %s, not %s", kinds(e), e.Name, c.Kind)
	case c.Idle < 0:
		return config.Errorf("idle", "must be at least 0, which is never, not %v", c.Idle)
	case c.SilentAfter < time.Second:
		return config.Errorf("silent-after", "must be at least 1s, not %v", c.SilentAfter)
	}
	if _, err := feed.Address(e.URL, c.ExchangeURL); err != nil {
		return config.Errorf("exchange-url", "%v", err)
	}
	if _, err := c.request(e); err != nil {
		return err
	}
	return c.Connection.Validate()
}

// request is what is asked of an exchange that was found.
func (c *Cmd) request(e feed.Exchange) (feed.Request, error) {
	m, err := exchange.NewMapping(c.Symbols, c.Prefix)
	if err != nil {
		return feed.Request{}, err
	}
	address, err := feed.Address(e.URL, c.ExchangeURL)
	if err != nil {
		return feed.Request{}, config.Errorf("exchange-url", "%v", err)
	}
	r := feed.Request{URL: address, Kind: feed.Kind(c.Kind), Symbols: m.Symbols}
	if _, err := e.Plan(r); err != nil {
		return r, config.Errorf("", "%s: %v", e.Name, err)
	}
	return r, nil
}

// Run reads prices until ctx ends.
func (c *Cmd) Run(ctx context.Context, s cli.Streams) error {
	if c.List {
		return s.Print([]byte(list()))
	}
	e, _ := exchanges.Find(c.Exchange) // Validate has found it
	request, err := c.request(e)
	if err != nil {
		return err
	}
	m, err := exchange.NewMapping(c.Symbols, c.Prefix)
	if err != nil {
		return err
	}
	table := !c.Print && s.Screen()
	last := &lastLine{}
	log, err := logger(s, table, last)
	if err != nil {
		return err
	}
	ctx, over := context.WithCancel(ctx)
	defer over()
	publish, finish, err := c.outlet(ctx, over, s, m, log)
	if err != nil {
		return cli.UnlessOver(ctx, err)
	}
	r, err := runner.New(runner.Options{
		Exchange: e, Request: request, Publish: publish, Log: log, ConnectTimeout: c.ConnectTimeout, Silence: c.SilentAfter, Idle: c.Idle,
	})
	if err != nil {
		return config.Errorf("", "%s: %v", e.Name, err)
	}
	stop, err := c.serveMetrics(ctx, r, log)
	if err != nil {
		return errors.Join(err, finish())
	}
	defer stop()
	if table {
		err = c.show(ctx, s, e, r, last)
	} else {
		err = c.tell(ctx, r, log)
	}
	if finished := finish(); err == nil {
		err = finished
	}
	if errors.Is(err, runner.ErrIdle) {
		return idle(r.Status(), e, c.Idle)
	}
	return exchange.Failure(e, request.URL, err)
}

// idle is that no price came for so long.
func idle(s runner.Status, e feed.Exchange, after time.Duration) error {
	for _, symbol := range s.Symbols {
		if symbol.State != runner.Down {
			return cli.Failf(cli.ExitNoData, "no price came within %v: are the symbols written as in %s, and traded now?", after, e.Example)
		}
	}
	return cli.Failf(cli.ExitNoData, "no price came within %v: no connection to the exchange is left", after)
}

// logger returns what logs to standard error. If a table fills the terminal, a log that would go to a terminal
// goes to last alone, which the table shows, and one that goes elsewhere to both.
func logger(s cli.Streams, table bool, last io.Writer) (*slog.Logger, error) {
	terminal := telemetry.IsTerminal(s.Err)
	log, err := telemetry.NewLogger(s.Err, telemetry.LogOptions{Terminal: terminal, NoColor: cli.NoColor()})
	if err != nil || !table {
		return log, err
	}
	shown, err := telemetry.NewLogger(last, telemetry.LogOptions{Format: "text", NoColor: true})
	if err != nil || terminal {
		return shown, err
	}
	return slog.New(slog.NewMultiHandler(log.Handler(), shown.Handler())), nil
}

// tell runs the feed and sums up in the log now and then.
func (c *Cmd) tell(ctx context.Context, r *runner.Runner, log *slog.Logger) error {
	running, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(time.Minute)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				sum(r.Status(), log)
			case <-running.Done():
				return
			}
		}
	}()
	err := r.Run(ctx)
	stop()
	<-ended
	sum(r.Status(), log)
	return err
}

// sum logs what was published, and how the symbols are.
func sum(s runner.Status, log *slog.Logger) {
	states := map[runner.State]int{}
	published := uint64(0)
	for _, symbol := range s.Symbols {
		states[symbol.State]++
		published += symbol.Published
	}
	attributes := []any{"prices", published}
	for _, state := range []runner.State{runner.Live, runner.Quiet, runner.Acked, runner.Asked, runner.Refuse, runner.Down} {
		if states[state] > 0 {
			attributes = append(attributes, string(state), states[state])
		}
	}
	log.Info("feed", attributes...)
}

func kinds(e feed.Exchange) string {
	var names []string
	for _, k := range e.Kinds {
		names = append(names, string(k))
	}
	return strings.Join(names, " or ")
}

// list names the exchanges.
func list() string {
	var b strings.Builder
	for _, e := range exchanges.All() {
		fmt.Fprintf(&b, "%s   %s: %s\n", e.Name, e.Title, kinds(e))
		fmt.Fprintf(&b, "    symbols  %s: %s\n", e.Spelling, e.Example)
		fmt.Fprintf(&b, "    address  %s\n", e.URL)
		var limits []string
		if l := e.Limits; l.Messages > 0 {
			limits = append(limits, fmt.Sprintf("%v messages a second to it", l.Messages))
		}
		if e.Limits.Connects > 0 {
			limits = append(limits, fmt.Sprintf("%d connections a minute", e.Limits.Connects))
		}
		if e.Limits.Lifetime > 0 {
			limits = append(limits, fmt.Sprintf("%v hours for a connection", e.Limits.Lifetime.Hours()))
		}
		if len(limits) > 0 {
			fmt.Fprintf(&b, "    limits   %s\n", strings.Join(limits, ", "))
		}
		if e.Hint != "" {
			fmt.Fprintf(&b, "    note     %s\n", e.Hint)
		}
	}
	return b.String()
}
