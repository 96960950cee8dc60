package redistest

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"backbone/internal/proctest"
)

// MasterName is what the sentinels of a Sentinel call the master.
const MasterName = "prices"

// Sentinel is a master with one replica, watched by three sentinels of which two must
// agree. A master that does not answer for 1.5 s counts as down: sentinels connect once a
// second, so that a shorter time would be up before they have reached a new master.
type Sentinel struct {
	Master, Replica *Server
	Sentinels       []*Server
}

// StartSentinel starts the servers and waits until they are ready for a failover. The
// arguments go to master and replica.
func StartSentinel(t testing.TB, args ...string) *Sentinel {
	t.Helper()
	args = append([]string{"--repl-diskless-sync-delay", "0"}, args...)
	s := &Sentinel{Master: Start(t, args...)}
	host, port, err := net.SplitHostPort(s.Master.Addr())
	if err != nil {
		t.Fatal(err)
	}
	s.Replica = Start(t, args...)
	s.follow(host, port)
	s.inStep()
	for range 3 {
		s.Sentinels = append(s.Sentinels, startSentinel(t, host, port))
	}
	s.ready()
	return s
}

// follow makes a replica of Replica. No argument does, or it could never be restarted as
// a master.
func (s *Sentinel) follow(host, port string) {
	s.Replica.t.Helper()
	await(s.Replica.t, "the replica to follow", func() bool { return strings.HasPrefix(s.Replica.said("REPLICAOF", host, port), "OK") })
}

// inStep waits until the replica has what the master has.
func (s *Sentinel) inStep() {
	s.Master.t.Helper()
	await(s.Master.t, "the replica to be in step", func() bool { return s.Master.said("WAIT", "1", "1000") == "1" })
}

// ready waits until all sentinels see a whole setup.
func (s *Sentinel) ready() {
	s.Master.t.Helper()
	for _, one := range s.Sentinels {
		await(one.t, "the sentinels to know each other", func() bool {
			said := one.said("INFO", "sentinel")
			return strings.Contains(said, "status=ok,address="+s.Master.Addr()+",slaves=1,sentinels=3") &&
				!strings.Contains(one.said("SENTINEL", "REPLICAS", MasterName), "s_down")
		})
	}
}

func startSentinel(t testing.TB, host, port string) *Server {
	t.Helper()
	return begin(t, func() int { return proctest.FreePort(t) }, func(own int) []string {
		dir := t.TempDir()
		file := filepath.Join(dir, "sentinel.conf") // sentinels write what they learn into it
		text := fmt.Sprintf("port %d\nbind 127.0.0.1\ndir %s\nsentinel monitor %s %s %s 2\n"+
			"sentinel down-after-milliseconds %s 1500\nsentinel failover-timeout %s 3000\n",
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
	await(s.Replica.t, "the failover", func() bool { return strings.HasPrefix(s.Replica.said("ROLE"), "master") })
}

// Rejoin has the master that was lost follow the one that replaced it, and waits until
// they are ready for another failover. Master and Replica name them by their new roles.
func (s *Sentinel) Rejoin() {
	s.Replica.t.Helper()
	s.Master, s.Replica = s.Replica, s.Master
	for _, one := range s.Sentinels { // one that does not would undo the failover
		await(one.t, "the sentinels to name the new master", func() bool {
			return strings.Contains(one.said("INFO", "sentinel"), "address="+s.Master.Addr())
		})
	}
	if s.Replica.run == nil {
		s.Replica.Restart()
	}
	host, port, err := net.SplitHostPort(s.Master.Addr())
	if err != nil {
		s.Master.t.Fatal(err)
	}
	s.follow(host, port)
	s.inStep()
	s.ready()
}

// await asks again and again until done reports true.
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
