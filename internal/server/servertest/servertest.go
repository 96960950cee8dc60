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
// test ends. The changes are made to the default configuration.
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
	r, err := server.Start(context.WithoutCancel(t.Context()), cfg, server.Options{Logger: log, Version: "test"})
	if err != nil {
		t.Fatalf("the instance did not start: %v", err)
	}
	t.Cleanup(func() {
		if err := r.Stop(); err != nil {
			t.Errorf("the instance ended with: %v", err)
		}
	})
	return r
}
