package server_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"backbone/internal/config"
	"backbone/internal/server"
)

func TestAnInstanceThatCannotStartSaysWhy(t *testing.T) {
	quiet := server.Options{Logger: slog.New(slog.DiscardHandler), Version: "test"}
	cfg := config.Default()
	cfg.Listen, cfg.AdminListen = start(t).Addr().String(), ""
	if in, err := server.Start(t.Context(), cfg, quiet); err == nil || !strings.HasPrefix(err.Error(), "--listen: ") {
		t.Errorf("%v serves on an address that is taken, error %v", in, err)
	}
	cfg.Listen = "nonsense"
	if in, err := server.Start(t.Context(), cfg, quiet); err == nil || !strings.HasPrefix(err.Error(), "--listen ") {
		t.Errorf("%v serves on nonsense, error %v", in, err)
	}
	cfg.Listen = "127.0.0.1:0"
	ended, end := context.WithCancel(t.Context())
	end()
	in, err := server.Start(ended, cfg, quiet)
	switch {
	case err == nil: // it listened before it looked
		if err := in.Stop(); err != nil {
			t.Errorf("an instance whose context has ended says %v", err)
		}
	case !errors.Is(err, server.ErrNotStarted):
		t.Errorf("error %v, want ErrNotStarted", err)
	}
}

func TestAnInstanceEndsWithItsContext(t *testing.T) {
	cfg := config.Default()
	cfg.Listen, cfg.AdminListen = "127.0.0.1:0", ""
	ctx, end := context.WithCancel(t.Context())
	in, err := server.Start(ctx, cfg, server.Options{Logger: slog.New(slog.DiscardHandler), Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	end()
	if err := in.Err(); err != nil {
		t.Error(err)
	}
	if err := in.Stop(); err != nil {
		t.Errorf("a second stop: %v", err)
	}
}
