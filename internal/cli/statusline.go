package cli

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"sync/atomic"

	"github.com/charmbracelet/x/ansi"
	"golang.org/x/term"

	"backbone/internal/telemetry"
)

// StatusLine is the last line of a terminal, which tells how long work goes. What is said while it is
// there comes above it. Its methods are safe for concurrent use by multiple goroutines.
type StatusLine struct {
	terminal io.Writer
	text     atomic.Pointer[string]
}

// NewStatusLine returns a line on standard error, and streams that say above it. Without a terminal
// that can take a line back, it returns nil, on which Show and Clear do nothing, and the streams as they are.
func NewStatusLine(s Streams) (*StatusLine, Streams) {
	if !telemetry.IsTerminal(s.Err) || isDumb(os.Getenv("TERM"), runtime.GOOS) {
		return nil, s
	}
	l := &StatusLine{terminal: s.Err}
	l.text.Store(new(string))
	s.Err = l
	return l, s
}

// Write writes whole lines above the status.
func (l *StatusLine) Write(lines []byte) (int, error) {
	if _, err := fmt.Fprintf(l.terminal, "\r\x1b[K%s%s", lines, *l.text.Load()); err != nil {
		return 0, err
	}
	return len(lines), nil
}

// Show replaces the status, cut to the width of the terminal.
func (l *StatusLine) Show(text string) {
	if l == nil {
		return
	}
	if width := l.width(); width > 0 {
		text = ansi.Truncate(text, width-1, "…")
	}
	l.text.Store(&text)
	_, _ = fmt.Fprintf(l.terminal, "\r\x1b[K%s", text) // if this fails, nothing can report it
}

// Clear takes the status away.
func (l *StatusLine) Clear() { l.Show("") }

// width is that of the terminal, 0 if it is not known.
func (l *StatusLine) width() int {
	if f, ok := l.terminal.(interface{ Fd() uintptr }); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil {
			return width
		}
	}
	return 0
}
