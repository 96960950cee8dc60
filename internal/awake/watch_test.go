package awake

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestAWatchTellsThatTheProcessStoodStill(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	w := NewWatch(slog.New(slog.NewTextHandler(&log, nil)))
	begun := time.Now()
	for i, c := range []struct {
		at, late time.Duration
		stood    time.Duration // in all
		lines    int           // in all
	}{
		{0, 0, 0, 0},
		{time.Second, 19 * time.Millisecond, 0, 0},
		{2 * time.Second, 20 * time.Millisecond, 20 * time.Millisecond, 0},
		{3 * time.Second, 999 * time.Millisecond, 1019 * time.Millisecond, 0},
		{5 * time.Second, time.Second, 2019 * time.Millisecond, 1},
		{60 * time.Second, 4 * time.Second, 6019 * time.Millisecond, 1},
		{66 * time.Second, 2 * time.Second, 8019 * time.Millisecond, 2},
	} {
		due := begun.Add(c.at)
		w.look(due, due.Add(c.late))
		if lines := strings.Count(log.String(), "stood still"); w.Stood() != c.stood || lines != c.lines {
			t.Errorf("step %d: stood still for %v, with %d lines in the log; want %v, %d", i, w.Stood(), lines, c.stood, c.lines)
		}
	}
	if want := "for=2s in_all=8.019s"; !strings.Contains(log.String(), want) {
		t.Errorf("the log has no %s:\n%s", want, log.String())
	}
}

// What only waits does not stand still.
func TestAProcessThatRunsDoesNotStandStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWatch(slog.New(slog.DiscardHandler))
		ctx, stop := context.WithTimeout(t.Context(), time.Hour)
		defer stop()
		w.Run(ctx)
		if w.Stood() != 0 {
			t.Errorf("it stood still for %v", w.Stood())
		}
	})
}
