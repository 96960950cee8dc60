// Package proctest runs programs for tests: it waits until they are ready, sends them
// signals, and ends them with the test process, even if that is killed (Linux).
package proctest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"backbone/internal/secrettest"
)

// patience bounds the wait for a program to be ready. A healthy one needs milliseconds.
const patience = 20 * time.Second

// maxLine is the longest line that a program may print, bytes.
const maxLine = 1 << 20

// Process is one run of a program. Its methods are safe for concurrent use by multiple
// goroutines.
type Process struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed when the process is gone and waited for
	err   error         // of Wait, before ended is closed
}

// Start starts cmd and returns when a line of its output holds ready. Its standard
// output and error are read; hear, if not nil, is given each line, one at a time, valid
// until it returns. The error says why cmd did not get ready, with what it printed. That a line
// shows a secret of its flags or variables, or a token, is an error of Err.
// The program ends as one of Begin does.
func Start(cmd *exec.Cmd, ready string, hear func(line []byte)) (*Process, error) {
	p := &Process{cmd: cmd, ended: make(chan struct{})}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	cmd.Stderr = cmd.Stdout
	begun := make(chan error, 1)
	go p.live(out, ready, hear, begun)

	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case err = <-begun:
	case <-timer.C:
		_ = cmd.Process.Kill() // it ends, or has ended already
		err = errors.Join(fmt.Errorf("%s was not ready after %v", p.name(), patience), <-begun)
	}
	if err != nil {
		<-p.ended
		return nil, err
	}
	return p, nil
}

// live is the process's life. It reports once on begun that the program is ready, or
// why it ended before it was.
func (p *Process) live(out io.Reader, ready string, hear func([]byte), begun chan<- error) {
	defer close(p.ended)
	if err := Begin(p.cmd); err != nil {
		begun <- err
		return
	}
	var log bytes.Buffer
	waiting := true
	secrets := secrettest.Args(p.cmd.Dir, slices.Concat(p.cmd.Args, p.cmd.Env))
	var shown []error
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		for _, place := range secrettest.Found(secrets, lines.Bytes()) {
			shown = append(shown, fmt.Errorf("%s shows a secret: %s of an entry", p.name(), place))
		}
		if hear != nil {
			hear(lines.Bytes())
		}
		if !waiting {
			continue
		}
		log.Write(lines.Bytes())
		log.WriteByte('\n')
		if bytes.Contains(lines.Bytes(), []byte(ready)) {
			waiting = false
			begun <- nil
		}
	}
	p.err = errors.Join(append(shown, p.cmd.Wait())...)
	if waiting {
		begun <- fmt.Errorf("%s ended before it was ready: %w\n%s", p.name(), p.err, log.Bytes())
	}
}

func (p *Process) name() string { return filepath.Base(p.cmd.Path) }

// Signal sends a signal. It is an error if the process has ended.
func (p *Process) Signal(sig syscall.Signal) error {
	if err := p.cmd.Process.Signal(sig); err != nil {
		return fmt.Errorf("send %v to %s: %w", sig, p.name(), err)
	}
	return nil
}

// Kill ends the process with SIGKILL, stopped or not, and returns when it is gone.
func (p *Process) Kill() {
	_ = p.Signal(syscall.SIGKILL) // it may have ended
	<-p.ended
}

// Ended is closed when the process is gone. Err then says how it ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Err is nil if the process ended with exit code 0. It waits for the end.
func (p *Process) Err() error {
	<-p.ended
	return p.err
}
