package redistest_test

import (
	"bufio"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"backbone/internal/redistest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, redistest.ProxyLeaks()) }

func TestRestartIsEmptyOnTheSamePort(t *testing.T) {
	s := redistest.Start(t)
	addr, id := s.Addr(), runID(s)
	s.CLI("SET", "k", "v")
	if got := s.CLI("GET", "k"); got != "v" {
		t.Fatalf("GET k: %q, want v", got)
	}
	s.Restart()
	if s.Addr() != addr {
		t.Errorf("address after restart: %s, want %s", s.Addr(), addr)
	}
	if got := s.CLI("GET", "k"); got != "" {
		t.Errorf("GET k after restart: %q, want nothing", got)
	}
	if runID(s) == id {
		t.Error("run_id is the same after a restart")
	}
}

func TestKillRefusesConnections(t *testing.T) {
	s := redistest.Start(t)
	s.Kill()
	if c, err := net.Dial("tcp", s.Addr()); err == nil {
		_ = c.Close()
		t.Error("a killed server took a connection")
	}
	s.Kill() // again, and once more in the cleanup
}

func TestFrozenServerAnswersAfterThaw(t *testing.T) {
	s := redistest.Start(t)
	s.Freeze()
	c, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatalf("a frozen server's kernel takes connections: %v", err)
	}
	defer func() { _ = c.Close() }()
	if _, err := c.Write([]byte("PING\r\n")); err != nil {
		t.Fatal(err)
	}
	if err := c.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(c)
	if line, err := r.ReadString('\n'); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("a frozen server answered: %q, %v", line, err)
	}
	s.Thaw()
	if err := c.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if line, err := r.ReadString('\n'); line != "+PONG\r\n" {
		t.Fatalf("after the thaw: %q, %v, want +PONG", line, err)
	}
}

func TestArgumentsReachTheServer(t *testing.T) {
	s := redistest.Start(t, "--requirepass", "secret")
	if got := s.CLI("PING"); !strings.HasPrefix(got, "NOAUTH") {
		t.Errorf("PING without the password: %q, want NOAUTH", got)
	}
}

func runID(s *redistest.Server) string {
	for line := range strings.Lines(s.CLI("INFO", "server")) {
		if id, ok := strings.CutPrefix(strings.TrimSpace(line), "run_id:"); ok {
			return id
		}
	}
	return ""
}

func TestTheServerThatTheVariableNamesIsRun(t *testing.T) {
	dir := t.TempDir()
	marker, program := filepath.Join(dir, "ran"), filepath.Join(dir, "server")
	text := "#!/bin/sh\ntouch '" + marker + "'\nexec redis-server \"$@\"\n"
	if err := os.WriteFile(program, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv(redistest.ServerVariable, program)
	s := redistest.Start(t)
	if got := s.CLI("PING"); got != "PONG" {
		t.Errorf("PING: %q", got)
	}
	if _, err := os.Stat(marker); err != nil {
		t.Error(err)
	}
}
