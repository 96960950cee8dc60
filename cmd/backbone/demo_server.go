package main

import (
	"context"
	"fmt"
	"log/slog"

	"golang.org/x/sync/errgroup"

	"backbone/internal/cli"
	"backbone/internal/config"
	"backbone/internal/server"
)

// instance is a server of the demo.
type instance struct {
	url, metrics string
}

// startInstance starts a server in g and returns once it serves. It ends with ctx.
func startInstance(ctx context.Context, g *errgroup.Group, cfg config.Serve, log *slog.Logger) (instance, error) {
	srv, err := server.New(cfg, server.Options{Logger: log, Version: cli.BuildInfo().Version})
	if err != nil {
		return instance{}, err
	}
	ended := make(chan error, 1)
	g.Go(func() error {
		err := srv.Run(ctx)
		ended <- err
		return err
	})
	select {
	case <-srv.Ready():
		return instance{
			url:     fmt.Sprintf("ws://%s", srv.Addr()),
			metrics: fmt.Sprintf("http://%s/metrics", srv.AdminAddr()),
		}, nil
	case err := <-ended:
		if err == nil {
			err = context.Cause(ctx)
		}
		return instance{}, err
	}
}
