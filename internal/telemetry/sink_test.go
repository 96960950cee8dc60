package telemetry_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"backbone/internal/admin"
	"backbone/internal/telemetry"
)

// gate is a reader that takes nothing until it is open.
type gate struct {
	open chan struct{}
	bytes.Buffer
}

func (g *gate) Write(p []byte) (int, error) {
	<-g.open
	return g.Buffer.Write(p)
}

func TestALogThatNobodyReadsStopsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, format := range []string{"json", "text"} {
			pipe := &gate{open: make(chan struct{})}
			sink := telemetry.NewSink(pipe)
			log, err := telemetry.NewLogger(sink, telemetry.LogOptions{Format: format})
			if err != nil {
				t.Fatal(err)
			}
			const entries = 30_000
			for i := range entries { // more than are queued
				log.Info("entry", "number", i)
			}
			begun := time.Now()
			sink.Close(time.Second)
			if waited := time.Since(begun); waited != time.Second {
				t.Errorf("%s: the end waited for %v, want 1s", format, waited)
			}
			dropped := sink.Dropped()
			if dropped == 0 || dropped >= entries-1000 {
				t.Errorf("%s: %d entries were dropped, want most of %d, but not all", format, dropped, entries)
			}

			close(pipe.open)
			sink.Close(time.Second)
			written := strings.Split(strings.TrimSuffix(pipe.String(), "\n"), "\n")
			var told []string
			for _, line := range written {
				if strings.Contains(line, "missing") {
					told = append(told, line)
				}
			}
			if uint64(len(written)-1) != entries-dropped {
				t.Errorf("%s: %d lines were written and %d dropped, of %d", format, len(written)-1, dropped, entries)
			}
			if len(told) != 1 || !strings.Contains(told[0], fmt.Sprint(dropped)) {
				t.Errorf("%s: told %q, want once that %d are missing", format, told, dropped)
			}
			for _, line := range written {
				if json.Valid([]byte(line)) != (format == "json") {
					t.Fatalf("%s: wrote %s", format, line)
				}
			}
		}
	})
}

func TestASinkHoldsABoundedNumberOfBytes(t *testing.T) {
	pipe := &gate{open: make(chan struct{})}
	sink := telemetry.NewSink(pipe)
	line := []byte(strings.Repeat("x", 100<<10-1) + "\n")
	for range 20 {
		if n, err := sink.Write(line); n != len(line) || err != nil {
			t.Fatalf("a write of %d bytes returned %d, %v", len(line), n, err)
		}
	}
	if got := sink.Dropped(); got != 10 {
		t.Errorf("%d of 20 writes of 100 KiB were dropped, want 10", got)
	}
	close(pipe.open)
	sink.Close(patience)
	if want := 10*len(line) + len("10 lines are missing: nobody read them in time\n"); pipe.Len() != want {
		t.Errorf("%d bytes were written, want %d", pipe.Len(), want)
	}
}

// flaky fails the first writes, as a full disk does.
type flaky struct {
	fail int
	bytes.Buffer
}

func (f *flaky) Write(p []byte) (int, error) {
	if f.fail--; f.fail >= 0 {
		return 0, errors.New("no space left on device")
	}
	return f.Buffer.Write(p)
}

func TestALineThatCannotBeWrittenCountsAsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := &flaky{fail: 2}
		sink := telemetry.NewSink(disk)
		for range 3 {
			_, _ = io.WriteString(sink, "line\n")
			synctest.Wait()
		}
		sink.Close(time.Second)
		if got, want := disk.String(), "line\n2 lines are missing: nobody read them in time\n"; got != want || sink.Dropped() != 2 {
			t.Errorf("wrote %q and counted %d, want %q and 2", got, sink.Dropped(), want)
		}
	})
}

func TestASinkOfAFileIsNoTerminal(t *testing.T) {
	sink := telemetry.NewSink(io.Discard)
	defer sink.Close(patience)
	if telemetry.IsTerminal(sink) {
		t.Error("a sink without a file counts as a terminal")
	}
}

// What net/http says about a handler that panics, or a client that speaks no HTTP, is one
// entry of the log.
func TestAllThatTheAdminServerSaysAreEntries(t *testing.T) {
	var out bytes.Buffer
	log, err := telemetry.NewLogger(&out, telemetry.LogOptions{Format: "json"})
	if err != nil {
		t.Fatal(err)
	}
	admin := admin.New(admin.Options{Registry: telemetry.NewRegistry(""), Token: new(admin.Token), Logger: log})
	admin.ErrorLog.Printf("http: panic serving 127.0.0.1:1: %v\n%s", "why", "goroutine 1 [running]:\nmain.main()")
	slog.NewLogLogger(log.Handler(), slog.LevelWarn).Print("two\nlines")
	for line := range strings.Lines(out.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("no JSON: %s", line)
		}
	}
	if strings.Count(out.String(), "\n") != 2 {
		t.Errorf("not one line an entry: %s", out.String())
	}
}

// What a program says and what it prints go to the same terminal on two ways.
func TestWhatWasSaidCanBeWaitedForALittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pipe := &gate{open: make(chan struct{})}
		sink := telemetry.NewSink(pipe)
		settles := func(want time.Duration) {
			t.Helper()
			begun := time.Now()
			if sink.Settle(time.Second); time.Since(begun) != want {
				t.Errorf("it took %v, want %v", time.Since(begun), want)
			}
		}
		settles(0)
		_, _ = sink.Write([]byte("one\n"))
		settles(time.Second)
		settles(0) // the reader is known to be stuck
		time.AfterFunc(time.Second/2, func() { close(pipe.open) })
		synctest.Wait()
		time.Sleep(time.Second)
		synctest.Wait()
		for range 1000 {
			_, _ = sink.Write([]byte("two\n"))
		}
		settles(0)
		if n := strings.Count(pipe.String(), "\n"); n != 1001 {
			t.Errorf("%d lines are written", n)
		}
		sink.Close(time.Second)
		_, _ = sink.Write([]byte("three\n"))
		settles(0)
	})
}
