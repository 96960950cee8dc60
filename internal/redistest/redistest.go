//go:build unix

// Package redistest runs real redis-server processes for tests: on a free port, with
// nothing saved to disk, and with every fault that a process can have. A server ends
// with the test that started it, also when the test process itself is killed (Linux).
//
// A Server is for the goroutine of its test: its methods fail the test where they
// can not do what they say, and must not be called at once.
package redistest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait for a server. A healthy one needs milliseconds.
const patience = 20 * time.Second

// Ports are taken from below the range that systems give to outgoing connections, so
// that nobody takes the port of a killed server before it is restarted.
const firstPort, lastPort = 20000, 32000

// Server is a redis-server that listens on the loopback address.
type Server struct {
	t     testing.TB
	port  int
	ready string // in the log line that says that it takes connections
	args  func() []string
	run   *process // nil: not running
}

// Start runs a server and waits until it takes connections. The arguments go to
// redis-server after its own, as in Start(t, "--requirepass", "secret").
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	return begin(t, func() int { return freePort(t) }, func(port int) []string {
		return append([]string{
			"--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--dir", t.TempDir(),
			"--save", "", "--appendonly", "no", "--daemonize", "no", "--logfile", "",
		}, args...)
	}, "Ready to accept connections")
}

// begin runs redis-server on a port that it is offered, with the arguments for it.
func begin(t testing.TB, offer func() int, args func(port int) []string, ready string) *Server {
	t.Helper()
	s := &Server{t: t, ready: ready}
	s.args = func() []string { return args(s.port) }
	var err error
	for range 20 {
		s.port = offer()
		if s.run, err = launch(s.args(), ready); err == nil {
			t.Cleanup(s.Kill)
			return s
		}
	}
	t.Fatalf("redistest: %v", err)
	return nil
}

// Addr is the server's address, host:port. It stays the same over Restart.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// URL is the server's address as redis://host:port.
func (s *Server) URL() string { return "redis://" + s.Addr() }

// Kill ends the server with SIGKILL, frozen or not, and waits until it is gone. It
// does nothing if the server is not running.
func (s *Server) Kill() {
	if s.run != nil {
		s.run.signal(s.t, syscall.SIGKILL)
		<-s.run.ended
		s.run = nil
	}
}

// Restart kills the server if it runs and starts it again on the same port, empty,
// with another run_id.
func (s *Server) Restart() {
	s.t.Helper()
	s.Kill()
	run, err := launch(s.args(), s.ready)
	if err != nil {
		s.t.Fatalf("redistest: restart: %v", err)
	}
	s.run = run
}

// Freeze stops the process without ending it (SIGSTOP): connections stay open, new
// ones are taken by the kernel, and nothing is answered.
func (s *Server) Freeze() { s.t.Helper(); s.running().signal(s.t, syscall.SIGSTOP) }

// Thaw lets a frozen process go on (SIGCONT).
func (s *Server) Thaw() { s.t.Helper(); s.running().signal(s.t, syscall.SIGCONT) }

// CLI runs redis-cli with the arguments and returns what it prints into a pipe,
// without the last line end.
func (s *Server) CLI(args ...string) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	all := append([]string{"-h", "127.0.0.1", "-p", strconv.Itoa(s.port)}, args...)
	out, err := exec.CommandContext(ctx, "redis-cli", all...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("redistest: redis-cli %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSuffix(string(out), "\n")
}

func (s *Server) running() *process {
	s.t.Helper()
	if s.run == nil {
		s.t.Fatal("redistest: the server is not running")
	}
	return s.run
}

// process is one run of redis-server.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed when the process is gone and waited for
}

// launch starts redis-server and returns when it takes connections. The goroutine
// that starts it keeps its thread until the process is gone: the signal that ends an
// orphan is sent when the starting thread ends, not the starting process.
func launch(args []string, told string) (*process, error) {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, fmt.Errorf("%w: install redis-server: apt-get install redis-server", err)
	}
	p := &process{cmd: exec.Command(path, args...), ended: make(chan struct{})}
	p.cmd.SysProcAttr = dieWithParent()
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.cmd.Stderr = p.cmd.Stdout
	ready := make(chan error, 1)
	go p.live(out, told, ready)

	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case err = <-ready:
	case <-timer.C:
		_ = p.cmd.Process.Kill() // it ends, or has ended already
		err = errors.Join(fmt.Errorf("redis-server was not ready after %v", patience), <-ready)
	}
	if err != nil {
		<-p.ended
		return nil, err
	}
	return p, nil
}

// live is the process's life. It reports once on ready that the server takes
// connections, or why it ended before it did.
func (p *process) live(out io.Reader, told string, ready chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(p.ended)
	if err := p.cmd.Start(); err != nil {
		ready <- err
		return
	}
	var log bytes.Buffer
	waiting := true
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if !waiting {
			continue
		}
		log.Write(lines.Bytes())
		log.WriteByte('\n')
		if bytes.Contains(lines.Bytes(), []byte(told)) {
			waiting = false
			ready <- nil
		}
	}
	err := p.cmd.Wait()
	if waiting {
		ready <- fmt.Errorf("redis-server ended before it was ready: %w\n%s", err, log.Bytes())
	}
}

func (p *process) signal(t testing.TB, sig syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		t.Errorf("redistest: send %v to redis-server: %v", sig, err)
	}
}

// freePort returns a port that nobody listens on at this moment.
func freePort(t testing.TB) int {
	t.Helper()
	for range 100 {
		port := firstPort + rand.IntN(lastPort-firstPort)
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			continue
		}
		if err := l.Close(); err != nil {
			t.Fatalf("redistest: %v", err)
		}
		return port
	}
	t.Fatal("redistest: no free port")
	return 0
}
