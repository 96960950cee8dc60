package redistest_test

import (
	"strings"
	"testing"
	"time"

	"backbone/internal/redistest"
)

func TestSentinelFailsOverAgainAfterARejoin(t *testing.T) {
	s := redistest.StartSentinel(t)
	for _, value := range []string{"1", "2"} {
		lost := s.Master
		if got := lost.CLI("SET", "k", value); got != "OK" {
			t.Fatalf("SET: %s", got)
		}
		for begun := time.Now(); s.Replica.CLI("GET", "k") != value; {
			if time.Since(begun) > 20*time.Second {
				t.Fatal("the write does not reach the replica")
			}
		}
		lost.Kill()
		s.Failover()
		s.Rejoin()
		if s.Replica != lost || !strings.HasPrefix(s.Replica.CLI("ROLE"), "slave") {
			t.Errorf("what was the master is now: %s", s.Replica.CLI("ROLE"))
		}
		if got := s.Replica.CLI("GET", "k"); got != value {
			t.Errorf("GET k at the replica: %q, want %s", got, value)
		}
	}
}

func TestClusterNodeRejoins(t *testing.T) {
	c := redistest.StartCluster(t)
	lost := c.MasterOf("k")
	lost.Kill()
	c.Failover("k", lost)
	c.MasterOf("k").CLI("SET", "k", "v")
	c.Rejoin(lost)
	if got := c.MasterOf("k").CLI("WAIT", "1", "20000"); got != "1" {
		t.Errorf("%s replicas are in step, want 1", got)
	}

	// A restart that is over before anyone misses the master leaves it one, but empty.
	master := c.MasterOf("k")
	master.Restart()
	c.Failover("k", lost)
	if got := c.MasterOf("k").CLI("GET", "k"); master == c.MasterOf("k") && got != "" {
		t.Errorf("GET k after the restart: %q, want nothing", got)
	}
}
