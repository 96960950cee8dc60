package main

import (
	"context"

	"backbone/internal/config"
	"backbone/internal/server"
	"backbone/internal/telemetry"
)

type serveCmd struct {
	config.Serve
}

func (c *serveCmd) Run(ctx context.Context, s streams) error {
	log, err := telemetry.NewLogger(s.err, telemetry.LogOptions{
		Level:    c.LogLevel,
		Format:   c.LogFormat,
		Terminal: telemetry.IsTerminal(s.err),
		NoColor:  noColor(),
	})
	if err != nil {
		return err
	}
	srv, err := server.New(c.Serve, server.Options{Logger: log, Version: buildInfo().Version})
	if err != nil {
		return err
	}
	return srv.Run(ctx)
}
