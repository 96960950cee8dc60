package serve

import (
	"context"
	"log/slog"

	"backbone/internal/cli"
	"backbone/internal/server"
)

// heed does what the operator asks for, once the instance runs and until ctx ends.
func heed(ctx context.Context, wishes <-chan cli.Wish, srv *server.Server, log *slog.Logger, level *slog.LevelVar) {
	usual := level.Level()
	select {
	case <-srv.Ready():
	case <-ctx.Done():
		return
	}
	for {
		var wish cli.Wish
		select {
		case wish = <-wishes:
		case <-ctx.Done():
			return
		}
		switch wish {
		case cli.Reload:
			_, _ = srv.Reload(ctx) // which logs what came of it
		case cli.LogState:
			srv.LogState()
		case cli.ToggleLogs:
			if level.Level() > slog.LevelDebug {
				level.Set(slog.LevelDebug)
			} else {
				level.Set(usual)
			}
			log.Warn("the level of the log was changed by a signal", "level", level.Level())
		}
	}
}
