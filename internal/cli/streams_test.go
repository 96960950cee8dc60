package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"backbone/internal/config"
	"backbone/internal/telemetry"
)

func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		err  error
		code int
		text string
	}{
		{nil, 0, ""},
		{ErrReaderGone, 0, ""},
		{fmt.Errorf("printing: %w", ErrReaderGone), 0, ""},
		{errors.New("broken\nin two"), 1, "backbone: broken; in two\n"},
		{errors.New("it answered \x1b[31m\a"), 1, "backbone: it answered \ufffd[31m\ufffd\n"}, // and the terminal stays as it is
		{errors.New(strings.Repeat("é", 5000)), 1, "backbone: " + strings.Repeat("é", maxError-1) + "…\n"},
		{&fs.PathError{Op: "open", Path: "x", Err: fs.ErrNotExist}, 1, "backbone: open x: file does not exist\n"},
		{config.Errorf("redis-url", "is wrong"), 2, "backbone: --redis-url is wrong\n"},
		{Failf(ExitRejected, "3 events were rejected"), 6, "backbone: 3 events were rejected\n"},
		{syscall.EPIPE, 1, "backbone: broken pipe\n"}, // of a socket: not that of standard output
	} {
		var out, stderr bytes.Buffer
		if code := Finish(Streams{Out: &out, Err: &stderr}, c.err); code != c.code || stderr.String() != c.text || out.Len() > 0 {
			t.Errorf("%v: exit code %d and %q, want %d and %q", c.err, code, &stderr, c.code, c.text)
		}
	}
}

func TestAClosedPipeIsRecognised(t *testing.T) {
	for _, broken := range []error{syscall.EPIPE, io.ErrClosedPipe, &fs.PathError{Op: "write", Path: "|1", Err: syscall.EPIPE}} {
		s := Streams{Out: WriterFunc(func([]byte) error { return broken })}
		if err := s.Print([]byte("x")); !errors.Is(err, ErrReaderGone) {
			t.Errorf("%v: error %v", broken, err)
		}
	}
	s := Streams{Out: WriterFunc(func([]byte) error { return syscall.ENOSPC })}
	if err := s.Print([]byte("x")); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("error %v, want the disk's", err)
	}
}

func TestATerminalThatOnlyAddsLines(t *testing.T) {
	for _, c := range []struct {
		term, system string
		want         bool
	}{
		{"dumb", "linux", true}, {"dumb", "windows", true}, {"", "linux", true},
		{"", "windows", false}, {"xterm-256color", "linux", false},
	} {
		if got := isDumb(c.term, c.system); got != c.want {
			t.Errorf("TERM=%q on %s: %v, want %v", c.term, c.system, got, c.want)
		}
	}
	t.Setenv("NO_COLOR", "")
	t.Setenv("TERM", "dumb")
	if !NoColor() {
		t.Error("colours for a terminal that has none")
	}
}

func TestWhatIsPrintedIsBehindWhatWasSaid(t *testing.T) {
	var screen bytes.Buffer
	sink := telemetry.NewSink(WriterFunc(func(b []byte) error {
		runtime.Gosched()
		_, err := screen.Write(b)
		return err
	}))
	s := Streams{Out: &screen, Err: sink} // one terminal
	for range 100 {
		s.Say("said")
		if err := s.Print([]byte("printed\n")); err != nil {
			t.Fatal(err)
		}
	}
	sink.Close(time.Second)
	if want := strings.Repeat("said\nprinted\n", 100); screen.String() != want {
		t.Errorf("the terminal shows %.100q", screen.String())
	}
}

// JSON leaves DEL and C1 in its strings as they are, and a terminal obeys C1.
func TestATerminalGetsControlCharactersAsEscapes(t *testing.T) {
	for text, want := range map[string]string{
		"{\"data\":\"a\u009b31mb\u0080\u009f\u007f\"}\n": `{"data":"a\u009b31mb\u0080\u009f\u007f"}` + "\n",
		"é\u00a0\u200d\x1b[32m\n":                        "é\u00a0\u200d\x1b[32m\n",
		"half a character \xc2":                          "half a character \xc2",
	} {
		if got := string(escaped([]byte(text))); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
	var said, out bytes.Buffer
	s := Streams{Out: &out, Err: &said}
	s.Say("closed: %s", "\x1b]0;x\a\u009bé\r")
	if want := "closed: \ufffd]0;x\ufffd\ufffdé\ufffd\n"; said.String() != want {
		t.Errorf("said %q, want %q", &said, want)
	}
	if err := s.Print([]byte("\u009b")); err != nil || out.String() != "\u009b" {
		t.Errorf("a pipe gets %q, %v, want what was printed", &out, err)
	}
}
