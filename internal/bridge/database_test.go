package bridge

import (
	"strings"
	"testing"

	"backbone/internal/redistest"
)

// Two environments in two databases of one Redis do not hear each other, by any form of the URL.
func TestADatabaseIsAnEnvironment(t *testing.T) {
	noLeak(t)
	s := redistest.Start(t)
	a, b := start(t, "A", s.URL()+"/1"), start(t, "B", s.URL()+"?db=1")
	other, zero := start(t, "C", s.URL()+"/2"), start(t, "D", s.URL())
	for _, i := range []*instance{a, b, other, zero} {
		i.linked()
	}
	exchange(t, a, b, 1)
	exchange(t, b, a, 3)
	if got := a.read("EXCHANGE"); len(got.found) != 1 {
		t.Errorf("read in the same database: %+v", got)
	}
	a.until("A hears B alone", func(st Stats) bool { return st.Peers == 1 })
	for _, i := range []*instance{other, zero} {
		if got := i.read("EXCHANGE"); len(got.found) != 0 || len(i.remote) != 0 {
			t.Errorf("%s, in another database, found %+v and heard %d events", i.id, got.found, len(i.remote))
		}
		if st := i.stats(); st.Peers != 0 || st.Garbage != 0 {
			t.Errorf("%s, in another database: %+v", i.id, st)
		}
	}
}

func TestAServerWithKnownFaultsIsWarnedOf(t *testing.T) {
	noLeak(t)
	a := start(t, "A", "redis://"+fakeRedis(t, map[string]string{"INFO": bulk("redis_version:7.4.1\r\nrun_id:1\r\nrole:master\r\n")}))
	if line := a.logged("should be updated"); !strings.Contains(line, "Redis 7.4.1 has known faults") {
		t.Errorf("logged %s", line)
	}
}
