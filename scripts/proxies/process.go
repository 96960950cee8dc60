//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// processes are the programs that this one started. All are told to end when ctx ends, in the
// reverse order of their start, and when this program is killed.
type processes struct {
	ctx     context.Context
	started []*process // owned by the goroutine of main
}

// process is one of them.
type process struct {
	name string
	cmd  *exec.Cmd
	out  *output
	done chan struct{} // closed once it has ended
}

// output keeps what a process printed. It is safe for concurrent use by multiple goroutines.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// start runs a program in a process group of its own, so that Ctrl-C reaches this one alone.
func (p *processes) start(name string, arguments []string) (*process, error) {
	if err := p.ctx.Err(); err != nil {
		return nil, err
	}
	s := &process{name: name, cmd: exec.Command(arguments[0], arguments[1:]...), out: &output{}, done: make(chan struct{})} //nolint:noctx // end stops it, in an orderly way
	s.cmd.Stdout, s.cmd.Stderr = s.out, s.out
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	s.cmd.WaitDelay = time.Second
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(s.done)
		_ = s.cmd.Wait() // what it printed says more
	}()
	p.started = append(p.started, s)
	return s, nil
}

// end ends all.
func (p *processes) end() {
	for _, s := range slices.Backward(p.started) {
		s.end()
	}
	p.started = nil
}

// end ends it, and its children with it if it does not end in time.
func (s *process) end() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-s.done:
	case <-time.After(8 * time.Second):
	}
	_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL) // what is left of its group, if anything
	<-s.done
}

// wait waits until the process listens on the address.
func (s *process) wait(address string) error {
	for range 100 {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-s.done:
			return fmt.Errorf("%s has ended: %s", s.name, s.out)
		case <-time.After(100 * time.Millisecond):
		}
	}
	return fmt.Errorf("%s does not listen on %s: %s", s.name, address, s.out)
}

// serve runs a backbone server on a free port and returns its address.
func (p *processes) serve(backbone string, flags ...string) (string, error) {
	s, err := p.start("backbone serve", append([]string{
		backbone, "serve", "--listen=127.0.0.1:0", "--admin-listen=", "--log-format=json", "--log-level=info",
	}, flags...))
	if err != nil {
		return "", err
	}
	for range 100 {
		for line := range strings.Lines(s.out.String()) {
			var log struct{ Msg, Listen string }
			if json.Unmarshal([]byte(line), &log) == nil && log.Msg == "listening" {
				return log.Listen, nil
			}
		}
		select {
		case <-s.done:
			return "", fmt.Errorf("%s has ended: %s", s.name, s.out)
		case <-time.After(100 * time.Millisecond):
		}
	}
	return "", errors.New("the server does not listen")
}

// freeAddress is one on loopback that nobody listens on.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it does not wait
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
