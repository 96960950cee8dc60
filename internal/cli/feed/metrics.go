package feed

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"backbone/internal/admin"
	"backbone/internal/cli"
	"backbone/internal/feed"
	"backbone/internal/feed/runner"
	"backbone/internal/telemetry"
)

// serveMetrics serves the figures of a feed at --metrics-listen, until stop is called.
func (c *Cmd) serveMetrics(ctx context.Context, r *runner.Runner, log *slog.Logger) (stop func(), err error) {
	if c.MetricsListen == "" {
		return func() {}, nil
	}
	reg := telemetry.NewRegistry(cli.BuildInfo().Version)
	if err := register(reg, r.Status); err != nil {
		return nil, err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", c.MetricsListen)
	if err != nil {
		return nil, fmt.Errorf("--metrics-listen: %w: choose another address, or end what uses this one", err)
	}
	log.Info("metrics", "listen", l.Addr().String())
	server := admin.New(admin.Options{Registry: reg, Token: new(admin.Token), Listen: c.MetricsListen, Pprof: true, Logger: log})
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error("metrics are not served any more", "error", err)
		}
	}()
	return func() {
		_ = server.Close() // a scrape under way may be cut off
		<-done
	}, nil
}

func register(reg *prometheus.Registry, status func() runner.Status) error {
	var states, reasons []string
	for _, s := range runner.States() {
		states = append(states, string(s))
	}
	for _, r := range feed.Reasons() {
		reasons = append(reasons, string(r))
	}
	return telemetry.Register(reg, status,
		telemetry.Family[runner.Status]{
			Name: "feed_symbols", Help: "Symbols by their state.", Kind: telemetry.Gauge, Label: "state", Values: states,
			Value: func(s runner.Status, state string) float64 {
				n := 0
				for _, symbol := range s.Symbols {
					if string(symbol.State) == state {
						n++
					}
				}
				return float64(n)
			},
		},
		telemetry.Family[runner.Status]{
			Name: "feed_prices_total", Help: "Prices handed on.", Kind: telemetry.Counter,
			Value: func(s runner.Status, _ string) float64 {
				n := uint64(0)
				for _, symbol := range s.Symbols {
					n += symbol.Published
				}
				return float64(n)
			},
		},
		telemetry.Family[runner.Status]{
			Name: "feed_reasons_total", Help: "What was left out or ended, by reason.", Kind: telemetry.Counter, Label: "reason", Values: reasons,
			Value: func(s runner.Status, reason string) float64 { return float64(s.Counts[feed.Reason(reason)]) },
		},
	)
}
