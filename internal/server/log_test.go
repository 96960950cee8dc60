package server_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"backbone/internal/config"
	"backbone/internal/server/servertest"
)

// logBook passes log lines on.
type logBook struct {
	t     *testing.T
	lines chan string
}

func (b *logBook) Write(p []byte) (int, error) {
	select {
	case b.lines <- string(p):
		return len(p), nil
	default:
		return 0, fmt.Errorf("more than %d log lines", cap(b.lines))
	}
}

// has waits for a line with the text.
func (b *logBook) has(text string) string {
	b.t.Helper()
	for late := time.After(patience); ; {
		select {
		case line := <-b.lines:
			if strings.Contains(line, text) {
				return line
			}
		case <-late:
			b.t.Fatalf("not logged within %v: %s", patience, text)
		}
	}
}

// all are the lines that nobody asked for.
func (b *logBook) all() (text string) {
	for len(b.lines) > 0 {
		text += <-b.lines
	}
	return text
}

// startLogged starts an instance whose log the test reads.
func startLogged(t *testing.T, change ...func(*config.Serve)) (*instance, *logBook) {
	t.Helper()
	log := &logBook{t, make(chan string, 1000)}
	return &instance{servertest.StartLogged(t, slog.New(slog.NewTextHandler(log, nil)), change...), t}, log
}
