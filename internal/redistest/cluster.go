package redistest

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"

	"backbone/internal/proctest"
)

// Cluster is a Redis Cluster of three masters with one replica each. A master that does
// not answer for a second is replaced by its replica.
type Cluster struct {
	t     testing.TB
	Nodes []*Server
}

// busOffset is how far above its port a node talks to the others.
const busOffset = 10000

// lastNodePort keeps that below the range of outgoing connections.
const lastNodePort = 22700

// StartCluster starts a cluster and waits until all slots have a master and a replica. The
// arguments go to each node.
func StartCluster(t testing.TB, args ...string) *Cluster {
	t.Helper()
	c := &Cluster{t: t}
	for range 6 {
		c.Nodes = append(c.Nodes, startNode(t, args))
	}
	c.Nodes[0].CLI(append([]string{"--cluster", "create"}, append(strings.Split(addrs(c.Nodes), ","),
		"--cluster-replicas", "1", "--cluster-yes")...)...)
	c.Whole()
	for _, n := range c.Nodes {
		if strings.HasPrefix(n.CLI("ROLE"), "master") {
			if got := n.CLI("WAIT", "1", "20000"); got != "1" {
				t.Fatalf("redistest: %s replicas are in step, want 1", got)
			}
		}
	}
	return c
}

func startNode(t testing.TB, args []string) *Server {
	t.Helper()
	dir := t.TempDir() // a node that is restarted is known by what it finds there
	return begin(t, func() int { return nodePort(t) }, func(port int) []string {
		return append([]string{
			"--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--dir", dir,
			"--cluster-config-file", fmt.Sprintf("nodes-%d.conf", port),
			"--save", "", "--appendonly", "no", "--daemonize", "no", "--logfile", "",
			"--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--repl-diskless-sync-delay", "0",
		}, args...)
	}, "Ready to accept connections")
}

// nodePort returns a port that is free, and free for the bus.
func nodePort(t testing.TB) int {
	t.Helper()
	for range 100 {
		if port := proctest.FreePort(t); port < lastNodePort && proctest.Free(port+busOffset) {
			return port
		}
	}
	t.Fatal("redistest: no free port")
	return 0
}

// Addrs are the addresses of all nodes, with commas between.
func (c *Cluster) Addrs() string { return addrs(c.Nodes) }

// MasterOf is the node that holds the slot of a key, as the others say that are running.
func (c *Cluster) MasterOf(key string) *Server {
	c.t.Helper()
	for _, via := range c.Nodes {
		if !via.answers() {
			continue
		}
		slot := via.CLI("CLUSTER", "KEYSLOT", key)
		address := c.holder(via, slot)
		for _, n := range c.Nodes {
			if n.Addr() == address {
				return n
			}
		}
		c.t.Fatalf("redistest: slot %s is at %q, which is no node", slot, address)
	}
	c.t.Fatal("redistest: no node is running")
	return nil
}

// holder is the address of the master of a slot.
func (c *Cluster) holder(via *Server, slot string) string {
	c.t.Helper()
	wanted, err := strconv.Atoi(slot)
	if err != nil {
		c.t.Fatalf("redistest: slot: %v", err)
	}
	for line := range strings.Lines(via.CLI("CLUSTER", "NODES")) {
		fields := strings.Fields(line)
		if !strings.Contains(fields[2], "master") {
			continue
		}
		for _, held := range fields[8:] {
			first, last, ok := strings.Cut(held, "-")
			if !ok {
				last = first
			}
			from, err1 := strconv.Atoi(first)
			to, err2 := strconv.Atoi(last)
			if err1 == nil && err2 == nil && from <= wanted && wanted <= to {
				address, _, _ := strings.Cut(fields[1], "@")
				return address
			}
		}
	}
	return ""
}

// Failover waits until the slot of key has another master than the one that was killed or
// frozen, and all nodes that are left know it.
func (c *Cluster) Failover(key string, killed *Server) {
	c.t.Helper()
	for _, n := range c.Nodes {
		if !n.answers() {
			continue
		}
		slot := n.CLI("CLUSTER", "KEYSLOT", key)
		await(c.t, "the failover", func() bool {
			address := c.holder(n, slot)
			return address != "" && address != killed.Addr() && strings.Contains(n.said("CLUSTER", "INFO"), "cluster_state:ok")
		})
	}
}

// Rejoin starts a node again that was killed, if it does not run, and waits until it
// follows the master that replaced it and the cluster is whole.
func (c *Cluster) Rejoin(n *Server) {
	c.t.Helper()
	if n.run == nil {
		n.Restart()
	}
	await(c.t, "the node to follow", func() bool {
		role := n.said("ROLE")
		return strings.HasPrefix(role, "slave") && strings.Contains(role, "connected")
	})
	c.Whole()
}

// Whole waits until each slot has a master, and each master a replica, in the eyes of
// all nodes.
func (c *Cluster) Whole() {
	c.t.Helper()
	for _, n := range c.Nodes {
		await(c.t, "the cluster to be whole", func() bool {
			nodes := n.said("CLUSTER", "NODES")
			return strings.Count(nodes, "slave") == len(c.Nodes)/2 && !strings.Contains(nodes, "fail") &&
				strings.Contains(n.said("CLUSTER", "INFO"), "cluster_state:ok")
		})
	}
}

// Begin marks the slot of a key as on its way to another master, which it returns: keys
// that are not there are refused from then on.
func (c *Cluster) Begin(key string) (to *Server) {
	c.t.Helper()
	from := c.MasterOf(key)
	to = c.another(from)
	slot := from.CLI("CLUSTER", "KEYSLOT", key)
	c.do(to, "CLUSTER", "SETSLOT", slot, "IMPORTING", from.CLI("CLUSTER", "MYID"))
	c.do(from, "CLUSTER", "SETSLOT", slot, "MIGRATING", to.CLI("CLUSTER", "MYID"))
	return to
}

// Migrate moves the slot of a key, and what it holds, to another master, which it
// returns. It goes on where Begin was called before.
func (c *Cluster) Migrate(key string) *Server {
	c.t.Helper()
	from := c.MasterOf(key)
	to := c.Begin(key)
	slot, toID := from.CLI("CLUSTER", "KEYSLOT", key), to.CLI("CLUSTER", "MYID")
	host, port, err := net.SplitHostPort(to.Addr())
	if err != nil {
		c.t.Fatal(err)
	}
	for keys := from.CLI("CLUSTER", "GETKEYSINSLOT", slot, "100"); keys != ""; keys = from.CLI("CLUSTER", "GETKEYSINSLOT", slot, "100") {
		from.CLI(append([]string{"MIGRATE", host, port, "", "0", "5000", "KEYS"}, strings.Split(keys, "\n")...)...)
	}
	c.do(to, "CLUSTER", "SETSLOT", slot, "NODE", toID)
	c.do(from, "CLUSTER", "SETSLOT", slot, "NODE", toID)
	return to
}

// another is a master other than the given one.
func (c *Cluster) another(than *Server) *Server {
	c.t.Helper()
	for _, n := range c.Nodes {
		if n != than && n.answers() && strings.HasPrefix(n.CLI("ROLE"), "master") {
			return n
		}
	}
	c.t.Fatal("redistest: no other master")
	return nil
}

func (c *Cluster) do(on *Server, args ...string) {
	c.t.Helper()
	if got := on.CLI(args...); got != "OK" {
		c.t.Fatalf("redistest: %s: %s", strings.Join(args, " "), got)
	}
}
