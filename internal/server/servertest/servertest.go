// Package servertest starts instances for tests of any package. It is test code: no
// product package imports it.
package servertest

import (
	"context"
	"log/slog"
	"testing"

	"backbone/internal/config"
	"backbone/internal/server"
)

// Start starts an instance on free ports of the loopback address and stops it when the
// test ends. The changes are made to the default configuration. The test fails if the instance has
// shown any of its secrets.
func Start(t testing.TB, change ...func(*config.Serve)) *server.Running {
	t.Helper()
	return StartLogged(t, slog.New(slog.DiscardHandler), change...)
}

// StartLogged is Start for an instance that writes to a log.
func StartLogged(t testing.TB, log *slog.Logger, change ...func(*config.Serve)) *server.Running {
	t.Helper()
	cfg := config.Default()
	cfg.Listen, cfg.AdminListen = "127.0.0.1:0", "127.0.0.1:0"
	cfg.DrainWindow = 0 // most tests end with clients
	for _, c := range change {
		c(&cfg)
	}
	w := newWatch(cfg)
	r, err := server.Start(context.WithoutCancel(t.Context()), cfg, server.Options{Logger: w.tee(log), Version: "test"})
	if err != nil {
		t.Fatalf("the instance did not start: %v", err)
	}
	t.Cleanup(func() {
		pages := w.pages(r)
		err := r.Stop()
		if err != nil {
			t.Errorf("the instance ended with: %v", err)
		}
		w.check(t, err, pages)
	})
	return r
}
