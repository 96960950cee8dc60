package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"syscall"
	"testing"
	"time"

	"backbone/internal/config"
)

func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		err  error
		code int
		text string
	}{
		{nil, 0, ""},
		{errReaderGone, 0, ""},
		{fmt.Errorf("printing: %w", errReaderGone), 0, ""},
		{errors.New("broken\nin two"), 1, "backbone: broken; in two\n"},
		{&fs.PathError{Op: "open", Path: "x", Err: fs.ErrNotExist}, 1, "backbone: open x: file does not exist\n"},
		{config.Errorf("redis-url", "is wrong"), 2, "backbone: --redis-url is wrong\n"},
		{failf(exitRejected, "3 events were rejected"), 6, "backbone: 3 events were rejected\n"},
		{syscall.EPIPE, 1, "backbone: broken pipe\n"}, // of a socket: not that of standard output
	} {
		var out, stderr bytes.Buffer
		if code := finish(streams{out: &out, err: &stderr}, c.err); code != c.code || stderr.String() != c.text || out.Len() > 0 {
			t.Errorf("%v: exit code %d and %q, want %d and %q", c.err, code, &stderr, c.code, c.text)
		}
	}
}

func TestAClosedPipeIsRecognised(t *testing.T) {
	for _, broken := range []error{syscall.EPIPE, io.ErrClosedPipe, &fs.PathError{Op: "write", Path: "|1", Err: syscall.EPIPE}} {
		s := streams{out: writerFunc(func([]byte) error { return broken })}
		if err := s.write([]byte("x")); !errors.Is(err, errReaderGone) {
			t.Errorf("%v: error %v", broken, err)
		}
	}
	s := streams{out: writerFunc(func([]byte) error { return syscall.ENOSPC })}
	if err := s.write([]byte("x")); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("error %v, want the disk's", err)
	}
}

func TestRunWritesHelpToItsOwnStreams(t *testing.T) {
	var out, stderr bytes.Buffer
	s := streams{in: strings.NewReader(""), out: &out, err: &stderr}
	if code := run(context.Background(), []string{"demo", "--help"}, s); code != 0 || !strings.Contains(out.String(), "--redis-url") || stderr.Len() > 0 {
		t.Errorf("exit code %d, output %q, errors %q", code, &out, &stderr)
	}
}

func TestNumbersAreGrouped(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 123456: "123,456", 1234567: "1,234,567", -1000: "-1,000"} {
		if got := group(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

func TestAPacerKeepsItsRateAndForgetsLongDelays(t *testing.T) {
	ctx := context.Background()
	start := time.Now()
	p := pacer{next: start}
	for range 5 {
		if err := p.wait(ctx, 10*time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(start); took < 50*time.Millisecond {
		t.Errorf("five waits of 10ms took %v", took)
	}
	p.next = time.Now().Add(-time.Hour)
	if err := p.wait(ctx, time.Millisecond); err != nil || time.Since(p.next) > time.Second {
		t.Errorf("after an hour's delay the next is due at %v, error %v", p.next, err)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if err := p.wait(ended, time.Hour); err == nil {
		t.Error("a wait goes on after its context has ended")
	}
}
