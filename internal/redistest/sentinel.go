//go:build unix

package redistest

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// MasterName is what the sentinels of a Sentinel call the master.
const MasterName = "prices"

// Sentinel is a master with one replica, watched by three sentinels of which two must
// agree. A master that does not answer for 500 ms counts as down.
type Sentinel struct {
	Master, Replica *Server
	Sentinels       []*Server
}

// StartSentinel runs them and waits until they are ready for a failover. The arguments
// go to master and replica.
func StartSentinel(t testing.TB, args ...string) *Sentinel {
	t.Helper()
	s := &Sentinel{Master: Start(t, args...)}
	host, port, err := net.SplitHostPort(s.Master.Addr())
	if err != nil {
		t.Fatal(err)
	}
	s.Replica = Start(t, append([]string{"--replicaof", host + " " + port, "--repl-diskless-sync-delay", "0"}, args...)...)
	if got := s.Master.CLI("WAIT", "1", "20000"); got != "1" {
		t.Fatalf("redistest: %s replicas are in step, want 1", got)
	}
	for range 3 {
		s.Sentinels = append(s.Sentinels, startSentinel(t, host, port))
	}
	for _, one := range s.Sentinels {
		await(t, "the sentinels to know each other", func() bool {
			said := one.CLI("INFO", "sentinel")
			return strings.Contains(said, "status=ok") && strings.Contains(said, "slaves=1,sentinels=3")
		})
	}
	return s
}

func startSentinel(t testing.TB, host, port string) *Server {
	t.Helper()
	return begin(t, func() int { return freePort(t) }, func(own int) []string {
		dir := t.TempDir()
		file := filepath.Join(dir, "sentinel.conf") // sentinels write what they learn into it
		text := fmt.Sprintf("port %d\nbind 127.0.0.1\ndir %s\nsentinel monitor %s %s %s 2\n"+
			"sentinel down-after-milliseconds %s 500\nsentinel failover-timeout %s 3000\n",
			own, dir, MasterName, host, port, MasterName, MasterName)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatalf("redistest: %v", err)
		}
		return []string{file, "--sentinel"}
	}, "Sentinel ID is")
}

// Addrs are the addresses of the sentinels, with commas between.
func (s *Sentinel) Addrs() string { return addrs(s.Sentinels) }

func addrs(servers []*Server) string {
	all := make([]string, len(servers))
	for i, one := range servers {
		all[i] = one.Addr()
	}
	return strings.Join(all, ",")
}

// Failover waits until the replica is a master.
func (s *Sentinel) Failover() {
	s.Replica.t.Helper()
	await(s.Replica.t, "the failover", func() bool { return strings.HasPrefix(s.Replica.CLI("ROLE"), "master") })
}

// await waits for what only asking can tell.
func await(t testing.TB, what string, done func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for !done() {
		select {
		case <-again.C:
		case <-deadline.C:
			t.Fatalf("redistest: waited %v for %s", patience, what)
		}
	}
}
