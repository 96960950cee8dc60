package cli_test

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"backbone/internal/cli"
)

func TestAStalledOutputIsWaitedForUntilTheEndAndNotMuchLonger(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	defer end()
	out := cli.NewOutput(ctx, w)
	s := cli.Streams{Out: out}
	if err := s.Print([]byte("read\n")); err != nil {
		t.Fatal(err)
	}
	stalled := make(chan error, 1)
	go func() {
		for {
			if err := s.Print([]byte(strings.Repeat("x", 1<<16))); err != nil {
				stalled <- err
				return
			}
		}
	}()
	line := make([]byte, 5)
	if _, err := io.ReadFull(r, line); err != nil || string(line) != "read\n" {
		t.Fatalf("the reader got %q, %v", line, err)
	}
	end()
	begun := time.Now()
	if err := <-stalled; !errors.Is(err, cli.ErrStalled) {
		t.Errorf("the write ended with %v", err)
	}
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("it ended %v after the program should", took)
	}
	if err := s.Print([]byte("more")); !errors.Is(err, cli.ErrStalled) {
		t.Errorf("a write behind one that stalls ended with %v", err)
	}
	_ = r.Close() // the write that blocks ends with it
	if code := cli.Finish(cli.Streams{Err: io.Discard}, cli.ErrStalled); code != cli.ExitFailed {
		t.Errorf("exit code %d", code)
	}
	_ = w.Close()
}

func TestAnOutputWhoseReaderHasGoneEndsQuietly(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
	s := cli.Streams{Out: cli.NewOutput(t.Context(), w)}
	if err := s.Print([]byte("x")); !errors.Is(err, cli.ErrReaderGone) {
		t.Errorf("the write ended with %v", err)
	}
}
