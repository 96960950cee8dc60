//go:build unix

package reload_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"backbone/internal/logtest"
	"backbone/internal/reload"
)

// As <(a command) of a shell is: it can be read once, and opening it again would wait without end.
func TestAPipeIsReadOnce(t *testing.T) {
	t.Parallel()
	path, done := filepath.Join(t.TempDir(), "pipe"), make(chan error, 1)
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	go func() { done <- os.WriteFile(path, []byte("key"), 0) }()
	r, taken := reload.New(slog.New(slog.DiscardHandler)), ""
	if err := r.Watch("keys", []string{path}, func(f []reload.File) (string, error) { taken += string(f[0].Text); return "", nil }); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil || taken != "key" {
		t.Fatalf("read %q, %v", taken, err)
	}
	var running sync.WaitGroup
	defer running.Wait()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	running.Go(func() { r.Run(ctx) })
	if outcomes, err := r.Reload(t.Context()); err != nil || outcomes[0].Err != nil || taken != "key" {
		t.Errorf("reload: %+v, %v, in use %q", outcomes, err, taken)
	}
}

func TestAFileThatBecameAPipeStopsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, []byte("1"), 0o600); err != nil {
			t.Fatal(err)
		}
		var log logtest.Log
		r := reload.New(slog.New(slog.NewTextHandler(&log, nil)))
		if err := r.Watch("keys", []string{path}, func([]reload.File) (string, error) { return "", nil }); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mkfifo(path, 0o600); err != nil {
			t.Fatal(err)
		}
		go r.Run(t.Context())
		time.Sleep(time.Minute)
		synctest.Wait()
		if !strings.Contains(log.String(), "is no regular file any more") || r.Status()[0].Errors != 1 {
			t.Errorf("status %+v, log %s", r.Status()[0], log.String())
		}
	})
}
