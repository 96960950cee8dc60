// Package cli is the kit of the commands: streams and exit codes, the flags by which they
// reach a server, rates, printed events, colours and the version. The commands in the
// folders below it and cmd/backbone import it; it imports none of them.
package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"time"
	"unicode"

	"github.com/charmbracelet/x/ansi"

	"backbone/internal/config"
	"backbone/internal/telemetry"
)

// The exit codes of all commands.
const (
	ExitDone     = 0
	ExitFailed   = 1 // the machine or the network refused something
	ExitUsage    = 2 // wrong flags or values
	ExitConnect  = 3 // no connection to the server
	ExitRefused  = 4 // the server refused: credentials or role
	ExitNoData   = 5 // the time ran out and nothing had come
	ExitRejected = 6 // something was rejected or lost
)

// ExitError is an error with an exit code of its own. One without text has been
// reported already.
type ExitError struct {
	Code int
	Err  error
}

func (e *ExitError) Error() string {
	if e.Err == nil {
		return ""
	}
	return e.Err.Error()
}

// Unwrap returns the error behind the exit code.
func (e *ExitError) Unwrap() error { return e.Err }

// Failf returns an error that ends the program with the exit code.
func Failf(code int, format string, args ...any) error {
	return &ExitError{code, fmt.Errorf(format, args...)}
}

// Streams are the standard streams of the program. Only data goes to Out.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// Say writes a line for people to standard error. What a server said, and is repeated in it, does nothing to a
// terminal.
func (s Streams) Say(format string, args ...any) {
	line := strings.Map(func(r rune) rune {
		if controls(r) {
			return unicode.ReplacementChar
		}
		return r
	}, fmt.Sprintf(format+"\n", args...))
	_, _ = io.WriteString(s.Err, line) // if this fails, nothing can report it
}

// Settle waits until what was said is written, but only a moment for a reader that is stuck.
func (s Streams) Settle() {
	if err, ok := s.Err.(interface{ Settle(wait time.Duration) }); ok {
		err.Settle(100 * time.Millisecond)
	}
}

// Restore writes text to a terminal that a screen has left stuck. It does nothing to one that takes what is written.
func (s Streams) Restore(text string) {
	if out, ok := s.Out.(*Output); ok {
		out.Restore([]byte(text))
	}
}

// Pretty reports whether data is for a person at a terminal.
func (s Streams) Pretty() bool { return telemetry.IsTerminal(s.Out) }

// Screen reports whether a screen can be drawn: data is for a person, at a terminal that can do more
// than add lines.
func (s Streams) Screen() bool { return s.Pretty() && !isDumb(os.Getenv("TERM"), runtime.GOOS) }

// NoColor reports whether the user wants no colours (https://no-color.org), or the terminal has none.
func NoColor() bool { return os.Getenv("NO_COLOR") != "" || isDumb(os.Getenv("TERM"), runtime.GOOS) }

// isDumb reports whether a terminal only adds lines. Windows names no terminal.
func isDumb(term, system string) bool {
	return term == "dumb" || term == "" && system != "windows"
}

// ErrReaderGone is a write to standard output whose reader has gone. The program ends
// with exit code 0 then: a reader such as head may leave early.
var ErrReaderGone = errors.New("nobody reads standard output any more")

// Print writes data to standard output, behind what was said before. A terminal gets no character that it would
// obey, but for those of colours.
func (s Streams) Print(data []byte) error {
	s.Settle()
	if s.Pretty() {
		data = escaped(data)
	}
	_, err := s.Out.Write(data)
	if isBrokenPipe(err) || errors.Is(err, io.ErrClosedPipe) {
		return ErrReaderGone
	}
	return err
}

// maxError bounds the line of an error, in columns: what is no server answers with anything.
const maxError = 2000

// Finish writes an error as one line and returns the exit code for it.
func Finish(s Streams, err error) int {
	if err == nil || errors.Is(err, ErrReaderGone) {
		return ExitDone
	}
	code := ExitFailed
	if e, ok := errors.AsType[*ExitError](err); ok {
		code = e.Code
	} else if errors.As(err, new(*config.Error)) {
		code = ExitUsage
	}
	if text := Printable(strings.ReplaceAll(err.Error(), "\n", "; ")); text != "" {
		s.Say("backbone: %s", ansi.Truncate(text, maxError, "…"))
	}
	return code
}

// WriterFunc is a function as an io.Writer. The function takes all of the data or fails.
type WriterFunc func([]byte) error

// Write calls the function.
func (f WriterFunc) Write(b []byte) (int, error) {
	if err := f(b); err != nil {
		return 0, err
	}
	return len(b), nil
}
