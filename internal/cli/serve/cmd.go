// Package serve is the command that runs an instance.
package serve

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"sync"

	"backbone/internal/cli"
	"backbone/internal/config"
	"backbone/internal/server"
	"backbone/internal/telemetry"
)

// Cmd is the command and its flags.
type Cmd struct {
	config.Serve
}

// Help is the examples of this command.
func (*Cmd) Help() string {
	return `backbone serve
backbone serve --listen 0.0.0.0:8080 --ingest-keys-file keys
backbone serve --redis-url redis://127.0.0.1:6379
backbone serve --config backbone.yaml`
}

// Run serves until ctx ends, and does what the operator asks for meanwhile. It logs the strays.
func (c *Cmd) Run(ctx context.Context, s cli.Streams, operator *cli.Operator, strays *config.Strays) error {
	wishes, level := operator.Wishes(), new(slog.LevelVar)
	log, err := telemetry.NewLogger(s.Err, telemetry.LogOptions{
		Level:    c.LogLevel,
		Format:   c.LogFormat,
		Terminal: telemetry.IsTerminal(s.Err),
		NoColor:  cli.NoColor(),
		Var:      level,
		Instance: c.Name(),
	})
	if err != nil {
		return err
	}
	slog.SetDefault(log) // whatever a library logs becomes an entry too
	for _, stray := range *strays {
		log.Warn(stray)
	}
	opts := server.Options{Logger: log, Version: cli.BuildInfo().Version}
	if sink, ok := s.Err.(*telemetry.Sink); ok {
		opts.LogDropped = sink.Dropped
	}
	srv, err := server.New(c.Serve, opts)
	if err != nil {
		return wrongUnlessUnreadable(err)
	}
	raiseHeapFloor()
	ctx, stop := context.WithCancel(ctx)
	over := make(chan struct{})
	var heeding sync.WaitGroup
	heeding.Go(func() { heed(ctx, over, wishes, srv, log, level) })
	err = srv.Run(ctx)
	stop()
	close(over)
	heeding.Wait()
	return err
}

// wrongUnlessUnreadable makes an error about a file wrong usage, as an unknown value of a
// flag is, where the file could be read and what it holds is wrong: keys, certificates.
func wrongUnlessUnreadable(err error) error {
	if errors.As(err, new(*fs.PathError)) {
		return err
	}
	return cli.Failf(cli.ExitUsage, "%w", err)
}
