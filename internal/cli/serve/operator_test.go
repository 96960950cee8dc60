package serve

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"

	"backbone/internal/cli"
	"backbone/internal/config"
	"backbone/internal/server"
)

// What the operator asks for during a stop is answered in the log, if it cannot be done any more.
func TestAReloadDuringAStopIsToldOf(t *testing.T) {
	var text bytes.Buffer
	log := slog.New(slog.NewTextHandler(&text, nil))
	srv, err := server.New(config.Default(), server.Options{Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	stopping, stop := context.WithCancel(t.Context())
	stop()
	wishes, over, ended := make(chan cli.Wish), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		heed(stopping, over, wishes, srv, log, new(slog.LevelVar))
	}()
	wishes <- cli.Reload
	close(over)
	<-ended
	if !strings.Contains(text.String(), "not reloaded: the instance is stopping") {
		t.Errorf("the log: %s", text.String())
	}
}
