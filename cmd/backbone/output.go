package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"syscall"

	"backbone/internal/telemetry"
)

// The exit codes of all subcommands.
const (
	exitDone     = 0
	exitFailed   = 1 // the machine or the network refused something
	exitUsage    = 2 // wrong flags or values
	exitConnect  = 3 // no connection to the server
	exitRefused  = 4 // the server refused: credentials or role
	exitNoData   = 5 // the time ran out and nothing had come
	exitRejected = 6 // something was rejected or lost
)

// failure is an error with an exit code of its own. One without text has been
// reported already.
type failure struct {
	code int
	err  error
}

func (f *failure) Error() string {
	if f.err == nil {
		return ""
	}
	return f.err.Error()
}

func (f *failure) Unwrap() error { return f.err }

func failf(code int, format string, args ...any) error {
	return &failure{code, fmt.Errorf(format, args...)}
}

// streams are the standard streams of the program. Data goes to out alone.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// say writes a line for people.
func (s streams) say(format string, args ...any) {
	_, _ = fmt.Fprintf(s.err, format+"\n", args...) // whom to tell, if that fails?
}

// pretty reports whether data is for a person at a terminal.
func (s streams) pretty() bool { return telemetry.IsTerminal(s.out) }

// noColor reports whether the user wants no colours (https://no-color.org).
func noColor() bool { return os.Getenv("NO_COLOR") != "" }

// errReaderGone is a write to standard output whose reader has gone, which is its
// right: the program ends, and that is no error.
var errReaderGone = errors.New("nobody reads standard output any more")

// write writes data to standard output.
func (s streams) write(data []byte) error {
	_, err := s.out.Write(data)
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe) {
		return errReaderGone
	}
	return err
}

// group writes n with commas between thousands.
func group(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
