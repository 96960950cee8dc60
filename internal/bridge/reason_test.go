package bridge

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"backbone/internal/redistest"
)

// Whatever answers, the reason says in one line what to do.
func TestTheReasonSaysWhatToDo(t *testing.T) {
	noLeak(t)
	full := redistest.Start(t, "--maxclients", "1")
	taken, err := net.Dial("tcp", full.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	resp2 := redistest.Start(t, "--rename-command", "HELLO", "")
	guarded := redistest.Start(t, "--requirepass", "secret") // it refuses HELLO
	noMGET := redistest.Start(t, "--user", "default", "on", "nopass", "~*", "&*", "+@all", "-mget")
	frozen := redistest.Start(t)
	frozen.Freeze()
	for name, c := range map[string]struct{ url, want string }{
		"full":                {full.URL(), "takes no more connections, of which each instance needs 3: raise its maxclients, or find who holds them: ERR max number of clients reached"},
		"no password":         {guarded.URL(), "wants a password, and this instance has none: NOAUTH"},
		"wrong password":      {"redis://:another@" + guarded.Addr(), "read at the next start of this instance: WRONGPASS"},
		"hangs":               {frozen.URL(), "no answer in time, from a server that took the connection: it hangs or is very busy"},
		"no right in scripts": {noMGET.URL(), "lacks a right that the scripts need (mget get set pttl pexpire, and publish or in a cluster spublish): script: "},
		"no HELLO":            {resp2.URL(), "does not speak RESP3"},
		"RESP2":               {"redis://" + fakeRedis(t, map[string]string{"HELLO": "*2\r\n$5\r\nproto\r\n:2\r\n"}), "does not speak RESP3"},
		"closes":              {"redis://" + fakeRedis(t, map[string]string{"HELLO": ""}), "without an answer: expected Redis 6"},
		"TLS port":            {"redis://" + tlsProxy(t, resp2.Addr()), "rediss://"},
		"plain port":          {"rediss://" + fakeRedis(t, nil), "does the port speak TLS?"},
		"active replica":      {"redis://" + fakeRedis(t, map[string]string{"INFO": bulk("role:active-replica\r\n")}), "active replica of KeyDB"},
		"replica":             {"redis://" + fakeRedis(t, map[string]string{"INFO": bulk("role:replica\r\n")}), "is a replica: expected a master"},
		"loading":             {"redis://" + fakeRedis(t, map[string]string{"PING": "-LOADING Redis is loading\r\n"}), "ping: LOADING"},
		"no scripts":          {"redis://" + fakeRedis(t, map[string]string{"SCRIPT": "-ERR unknown command 'SCRIPT', with args beginning with: 'LOAD' 'local byte'\r\n"}), "lacks a command that is needed, or has it under another name (rename-command): script load: unknown command 'SCRIPT'"},
		"full memory":         {"redis://" + fakeRedis(t, map[string]string{"SUBSCRIBE": "-OOM command not allowed when used memory > 'maxmemory'.\r\n"}), "since Redis 8.6 nobody can subscribe"},
		"cluster before 7.0":  {"redis+cluster://" + fakeRedis(t, nil), "a cluster needs Redis 7.0"},
	} {
		t.Run(name, func(t *testing.T) {
			a := start(t, "A", c.url)
			line := a.logged("not reachable yet")
			if !strings.Contains(line, c.want) || strings.Contains(line, "local byte") || strings.Contains(line, "secret") || strings.Contains(line, `\n`) {
				t.Errorf("logged %s, want one line with %q", line, c.want)
			}
			const lacks = "lacks a command"
			if strings.Contains(line, lacks) != strings.Contains(c.want, lacks) {
				t.Errorf("logged %s, want %q to be told only where it is so", line, lacks)
			}
			if want, known := map[string]string{
				"full": "maxclients", "no password": "password", "wrong password": "password", "hangs": "timeout", "no right in scripts": "rights", "no HELLO": "RESP3", "RESP2": "RESP3", "certificate": "certificate",
				"loading": "answer", "no scripts": "command", "full memory": "memory",
			}[name]; known {
				if got := a.bridge.Status().Shards[0].Cause; got != want {
					t.Errorf("cause %q, want %q", got, want)
				}
			}
		})
	}
}

// What the bridge does not need keeps no instance away.
func TestWhatRedisMayRefuse(t *testing.T) {
	dir := t.TempDir()
	for name, args := range map[string][]string{
		"a managed service": {"--rename-command", "CONFIG", "", "--rename-command", "CLIENT", "", "--user", "default", "on", ">p", "~*", "&*", "+@all", "-@admin", "-@dangerous"},
		"INFO and SCRIPT":   {"--rename-command", "INFO", "", "--rename-command", "SCRIPT", ""},
		"a full disk":       {"--dir", dir, "--save", "3600", "1"},
	} {
		t.Run(name, func(t *testing.T) {
			noLeak(t)
			s := redistest.Start(t, args...)
			if name == "a full disk" {
				if err := os.Mkdir(filepath.Join(dir, "dump.rdb"), 0o700); err != nil {
					t.Fatal(err)
				}
				s.CLI("BGSAVE")
				for deadline := time.Now().Add(patience); !strings.HasPrefix(s.CLI("PING"), "MISCONF"); {
					if time.Now().After(deadline) {
						t.Fatal("PING is not refused")
					}
				}
			}
			url := s.URL()
			if name == "a managed service" {
				url = strings.Replace(url, "://", "://default:p@", 1)
			}
			a, b := start(t, "A", url), start(t, "B", url)
			a.linked()
			b.linked()
			exchange(t, a, b, 1)
			if got := a.read("EXCHANGE"); len(got.found) != 1 && name != "a full disk" {
				t.Errorf("read: %+v", got)
			}
			if st := a.bridge.Status(); st.State != OK {
				t.Errorf("status: %+v", st)
			}
		})
	}
}

// The masters that are left run no script while a slot has none, but the rooms go on.
func TestAClusterThatIsDownPassesPricesOn(t *testing.T) {
	for _, every := range []time.Duration{0, 50 * time.Millisecond} {
		t.Run(every.String(), func(t *testing.T) { downPassesPricesOn(t, every) })
	}
}

func downPassesPricesOn(t *testing.T, storeInterval time.Duration) {
	noLeak(t)
	c := redistest.StartCluster(t)
	url := "redis+cluster://" + c.Addrs()
	storing := func(o *Options) { o.StoreInterval = storeInterval }
	a, b := start(t, "A", url, storing), start(t, "B", url, storing)
	a.whole()
	b.whole()
	const room, unused = "BTC_USDT", 0 // no partition has the slot
	e := tick("A", room, 1, 1)
	a.publish(e)
	b.hearsNothingBut(e)
	var owner *redistest.Server
	for _, n := range c.Nodes {
		if strings.Contains(myself(n), " 0-") {
			owner = n
		}
	}
	for _, n := range c.Nodes {
		n.CLI("CLUSTER", "DELSLOTS", strconv.Itoa(unused))
	}
	down := func(want string) {
		t.Helper()
		for deadline := time.Now().Add(patience); ; {
			all := true
			for _, n := range c.Nodes {
				all = all && strings.HasPrefix(n.CLI("CLUSTER", "INFO"), "cluster_state:"+want)
			}
			if all {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("the cluster is not %s", want)
			}
		}
	}
	down("fail")
	e = tick("A", room, 2, 2)
	a.publish(e)
	b.hearsNothingBut(e)
	if line := a.logged("does not store last prices"); !strings.Contains(line, "CLUSTERDOWN") {
		t.Errorf("logged %s", line)
	}
	// Nothing is offered again before it can be stored.
	before, generations := a.stats().Heartbeats, len(a.generations)
	a.until("three more heartbeats came back", func(st Stats) bool { return st.Heartbeats > before+3 })
	if more := len(a.generations) - generations; more > 0 {
		t.Errorf("%d generations while the cluster is down", more)
	}
	owner.CLI("CLUSTER", "ADDSLOTS", strconv.Itoa(unused))
	down("ok")
	a.logged("stores last prices again")
	if st := a.stats(); st.Drops[DropNotSent] != 0 {
		t.Errorf("A's stats: %+v", st)
	}
}

// myself is what a node says of itself.
func myself(n *redistest.Server) string {
	for line := range strings.Lines(n.CLI("CLUSTER", "NODES")) {
		if strings.Contains(line, "myself") {
			return line
		}
	}
	return ""
}
