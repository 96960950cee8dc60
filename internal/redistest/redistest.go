// Package redistest runs real redis-server processes for tests: on a free port, with
// nothing saved to disk, and with every fault that a process can have. A server ends
// with the test that started it, even if the test process itself is killed (Linux).
//
// A Server is for the goroutine of its test. Its methods fail the test if they cannot do
// what they say, and are not safe for concurrent use.
package redistest

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"backbone/internal/proctest"
)

// ServerVariable names the environment variable with the server to run: a path, or a name in
// PATH, of a program that takes the arguments of redis-server. Unset: redis-server.
const ServerVariable = "REDIS_SERVER"

// patience bounds every wait for a server. A healthy one needs milliseconds.
const patience = 20 * time.Second

// Server is a redis-server that listens on the loopback address.
type Server struct {
	t     testing.TB
	port  int
	ready string // in the log line that says that it takes connections
	args  func() []string
	run   *proctest.Process // nil: not running
	cold  bool              // frozen
}

// Start runs a server and waits until it takes connections. The arguments go to
// redis-server after its own, as in Start(t, "--requirepass", "secret").
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	return begin(t, func() int { return proctest.FreePort(t) }, func(port int) []string {
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
		s.run.Kill()
		s.run, s.cold = nil, false
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
func (s *Server) Freeze() { s.t.Helper(); s.signal(proctest.Freeze); s.cold = true }

// Thaw lets a frozen process go on (SIGCONT).
func (s *Server) Thaw() { s.t.Helper(); s.signal(proctest.Thaw); s.cold = false }

// CLI runs redis-cli with the arguments and returns what it prints into a pipe,
// without the last line end.
func (s *Server) CLI(args ...string) string {
	s.t.Helper()
	out, err := s.ask(args)
	if err != nil {
		s.t.Fatalf("redistest: %v", err)
	}
	return out
}

// said is CLI for callers that ask again: a server that changes its role breaks all
// connections, and its answer is then empty.
func (s *Server) said(args ...string) string {
	out, err := s.ask(args)
	if err != nil {
		return ""
	}
	return out
}

func (s *Server) ask(args []string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	all := append([]string{"-h", "127.0.0.1", "-p", strconv.Itoa(s.port)}, args...)
	out, err := exec.CommandContext(ctx, "redis-cli", all...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("redis-cli %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSuffix(string(out), "\n"), nil
}

// answers reports whether the server can answer: it runs and is not frozen.
func (s *Server) answers() bool { return s.run != nil && !s.cold }

func (s *Server) signal(sig syscall.Signal) {
	s.t.Helper()
	if s.run == nil {
		s.t.Fatal("redistest: the server is not running")
	}
	if err := s.run.Signal(sig); err != nil {
		s.t.Errorf("redistest: %v", err)
	}
}

// launch starts the server and returns when it takes connections.
func launch(args []string, told string) (*proctest.Process, error) {
	path, err := exec.LookPath(cmp.Or(os.Getenv(ServerVariable), "redis-server"))
	if err != nil {
		return nil, fmt.Errorf("%w: install redis-server, as by apt-get install redis-server, or name another in %s", err, ServerVariable)
	}
	return proctest.Start(exec.Command(path, args...), told, nil) //nolint:gosec // who runs the tests chooses it
}
