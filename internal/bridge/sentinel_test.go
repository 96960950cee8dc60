package bridge

import (
	"strings"
	"testing"
	"time"

	"backbone/internal/redistest"
)

func TestSentinelFailover(t *testing.T) {
	noLeak(t)
	s := redistest.StartSentinel(t)
	url := "redis+sentinel://" + s.Addrs() + "/" + redistest.MasterName
	a, b := start(t, "A", url), start(t, "B", url)
	a.linked()
	b.linked()
	exchange(t, a, b, 1)
	if st := a.bridge.Status(); st.State != OK || len(st.Shards) != 1 || st.Shards[0].Name != redistest.MasterName {
		t.Errorf("status: %+v", st)
	}

	lost := start(t, "C", "redis+sentinel://"+s.Addrs()+"/other")
	if line := lost.logged("no master"); !strings.Contains(line, "No such master") {
		t.Errorf("logged %s, want what the sentinels say", line)
	}
	if st := lost.bridge.Status(); st.State != Connecting || len(st.Shards) != 1 || st.Shards[0].Name != "other" || st.Shards[0].Reason == "" {
		t.Errorf("status without a master of that name: %+v", st)
	}

	s.Master.Kill()
	a.logged("redis is lost")
	b.logged("redis is lost")
	if st := a.bridge.Status(); st.State != Degraded {
		t.Errorf("status without a master: %+v", st)
	}
	s.Failover()
	begun := time.Now()
	a.linked()
	b.linked()
	e := tick("A", "BTC_USDT", 9, 1)
	a.publish(recovered(e)) // published while the master was gone
	if got := b.hears(); got.Version != e.Version {
		t.Errorf("B heard %+v", got)
	}
	healed := time.Since(begun)
	t.Logf("healed %v after the failover", healed)
	if healed > 10*time.Second {
		t.Errorf("healed %v after the failover", healed)
	}
	if line := a.logged("redis is back"); !strings.Contains(line, redistest.MasterName) {
		t.Errorf("logged %s", line)
	}
	if st := a.bridge.Status(); st.State != OK || len(st.Shards) != 1 || st.Shards[0].Name != redistest.MasterName {
		t.Errorf("status after the failover: %+v", st)
	}
	exchange(t, a, b, 10)

	// Without sentinels the session lives on.
	for _, one := range s.Sentinels {
		one.Kill()
	}
	exchange(t, a, b, 20)
}

// A URL that takes one kind of server for another is answered with the kind that it should name.
func TestAURLForAnotherKindOfServer(t *testing.T) {
	noLeak(t)
	s := redistest.StartSentinel(t)
	for url, want := range map[string]string{
		s.Sentinels[0].URL():                         "is a sentinel: expected the address of Redis, or redis+sentinel://",
		"redis+sentinel://" + s.Master.Addr() + "/m": "is no sentinel: expected addresses of sentinels",
		"redis+cluster://" + s.Master.Addr():         "is no node of a cluster: expected redis://",
	} {
		a := start(t, "A", url)
		if line := a.logged("local routing goes on"); !strings.Contains(line, want) {
			t.Errorf("%s: logged %s, want %q", url, line, want)
		}
	}
}
