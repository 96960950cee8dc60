//go:build unix

package proctest

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"backbone/internal/secrettest"
)

// Pipe is a stream of a program that is read only when the test wants to. Its methods are for
// the goroutine of the test.
type Pipe struct {
	W       *os.File            // for the program
	Secrets []secrettest.Secret // of the program: its test fails if the stream shows one, or a token

	t      testing.TB
	r      *os.File
	reader *bufio.Reader
	read   bytes.Buffer // all that was read
}

// NewPipe returns an empty pipe. It is closed at the end of the test.
func NewPipe(t testing.TB) *Pipe {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p := &Pipe{t: t, r: r, W: w}
	p.reader = bufio.NewReader(io.TeeReader(r, &p.read))
	t.Cleanup(p.end)
	return p
}

// end closes the pipe and searches what went through it.
func (p *Pipe) end() {
	_ = p.W.Close()
	_ = p.r.SetReadDeadline(time.Now().Add(time.Second)) // a program of the program may still have it
	_, _ = io.Copy(io.Discard, p.reader)
	_ = p.r.Close()
	for _, place := range secrettest.Found(p.Secrets, p.read.Bytes()) {
		p.t.Errorf("the program shows a secret: %s of its stream", place)
	}
}

// Fill writes line ends to the pipe until it takes nothing more.
func (p *Pipe) Fill() {
	p.t.Helper()
	fd := int(p.W.Fd()) // it makes writes block: asked for once, before they must not
	if err := syscall.SetNonblock(fd, true); err != nil {
		p.t.Fatal(err)
	}
	for _, piece := range []int{4096, 1} {
		for err := error(nil); err == nil; {
			_, err = syscall.Write(fd, bytes.Repeat([]byte("\n"), piece))
		}
	}
	if err := syscall.SetNonblock(fd, false); err != nil {
		p.t.Fatal(err)
	}
}

// Line reads until a line that holds the text, and returns it.
func (p *Pipe) Line(text string) string {
	p.t.Helper()
	_ = p.r.SetReadDeadline(time.Now().Add(patience))
	for {
		line, err := p.reader.ReadString('\n')
		if err != nil {
			p.t.Fatalf("no line with %q: %v", text, err)
		}
		if strings.Contains(line, text) {
			return line
		}
	}
}

// Rest reads until all who could write have ended.
func (p *Pipe) Rest() string {
	p.t.Helper()
	_ = p.W.Close()
	_ = p.r.SetReadDeadline(time.Now().Add(patience))
	text, err := io.ReadAll(p.reader)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(text)
}

// CloseReader closes the end that is read, as a reader does that has ended.
func (p *Pipe) CloseReader() { _ = p.r.Close() }
