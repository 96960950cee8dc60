package demo

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"backbone/client"
	"backbone/internal/cli"
	"backbone/internal/cli/exchange"
	"backbone/internal/config"
	"backbone/internal/feed"
	"backbone/internal/feed/exchanges"
	"backbone/internal/feed/runner"
	"backbone/internal/market"
)

// source is where prices come from.
type source struct {
	title string
	rooms []string
	unit  time.Duration // of their times
	// trade publishes until ctx ends. An error says why there are no prices.
	trade func(ctx context.Context, ingestor *client.Ingestor, log *slog.Logger) error
}

// The defaults of the flags of the simulated market.
const (
	defaultRate = 150
	defaultSeed = 1
)

// market is what the flags ask for.
func (c *Cmd) market() (source, error) {
	if c.Feed != "" {
		return c.exchange()
	}
	if len(c.Symbols) > 0 || c.ExchangeURL != "" {
		return source{}, config.Errorf("feed", "must name the exchange, such as kraken")
	}
	return source{
		title: "backbone demo", rooms: market.Instruments(), unit: time.Microsecond,
		trade: func(ctx context.Context, ingestor *client.Ingestor, _ *slog.Logger) error {
			c.simulate(ctx, ingestor)
			return nil
		},
	}, nil
}

// simulate publishes invented prices until ctx ends. Times are in microseconds: exact in any
// client's numbers, and fine enough to measure how long an event takes.
func (c *Cmd) simulate(ctx context.Context, ingestor *client.Ingestor) {
	prices := market.New(c.Seed, c.Rate)
	pace := cli.NewPacer()
	for {
		t := prices.Next()
		if pace.Wait(ctx, t.After) != nil {
			return
		}
		if ingestor.Publish(ctx, client.PriceUpdate{Instrument: t.Instrument, Price: client.Price(t.Price), TS: time.Now().UnixMicro()}) != nil {
			return // ctx or the server has ended, which the watching side sees
		}
	}
}

// exchange is the market of --feed.
func (c *Cmd) exchange() (source, error) {
	e, ok := exchanges.Find(c.Feed)
	switch {
	case !ok:
		return source{}, config.Errorf("feed", "must be one of %s, not %q", strings.Join(exchanges.Names(), ", "), c.Feed)
	case len(c.Symbols) == 0:
		return source{}, config.Errorf("feed", "needs symbols, such as %s", e.Example)
	case c.Rate != defaultRate || c.Seed != defaultSeed:
		return source{}, config.Errorf("feed", "excludes --rate and --seed, which are of the simulated market")
	}
	m, err := exchange.NewMapping(c.Symbols, "")
	if err != nil {
		return source{}, err
	}
	address, err := feed.Address(e.URL, c.ExchangeURL)
	if err != nil {
		return source{}, config.Errorf("exchange-url", "%v", err)
	}
	request := feed.Request{URL: address, Kind: feed.Trades, Symbols: m.Symbols}
	if _, err := e.Plan(request); err != nil {
		return source{}, config.Errorf("", "%s: %v", e.Name, err)
	}
	return source{
		title: "backbone demo, " + e.Title, rooms: m.Instruments(), unit: time.Millisecond,
		trade: func(ctx context.Context, ingestor *client.Ingestor, log *slog.Logger) error {
			r, err := runner.New(runner.Options{
				Exchange: e, Request: request, Log: log,
				Publish: func(ctx context.Context, prices []feed.Price) error {
					return ingestor.PublishBatch(ctx, m.Updates(prices))
				},
			})
			if err == nil {
				err = r.Run(ctx)
			}
			return exchange.Failure(e, request.URL, err)
		},
	}, nil
}
