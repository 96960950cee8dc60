package serve

import (
	"context"
	"log/slog"

	"backbone/internal/cli"
	"backbone/internal/server"
)

// heed does what the operator asks for, once the instance runs and until it is over. Once stopping has ended
// nothing is read again.
func heed(stopping context.Context, over <-chan struct{}, wishes <-chan cli.Wish, srv *server.Server, log *slog.Logger, level *slog.LevelVar) {
	usual := level.Level()
	select {
	case <-srv.Ready():
	case <-stopping.Done():
	}
	for {
		var wish cli.Wish
		select {
		case wish = <-wishes:
		case <-over:
			return
		}
		switch wish {
		case cli.Reload:
			if stopping.Err() != nil {
				log.Warn("not reloaded: the instance is stopping")
				continue
			}
			_, _ = srv.Reload(stopping) // which logs what came of it
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
