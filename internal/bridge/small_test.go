package bridge

import (
	"crypto/tls"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"backbone/internal/hub"
	"backbone/internal/partition"
	"backbone/internal/redisurl"
)

// A master that sentinels or nodes name has a certificate for that name, not for the URL's.
func TestACertificateIsForTheAddressThatIsDialled(t *testing.T) {
	config := &tls.Config{ServerName: "url", MinVersion: tls.VersionTLS12}
	opt := (&target{}).to(rueidis.ClientOption{TLSConfig: config}, "10.0.0.1:6380")
	if opt.TLSConfig.ServerName != "10.0.0.1" || config.ServerName != "url" || !slices.Equal(opt.InitAddress, []string{"10.0.0.1:6380"}) {
		t.Errorf("it dials %v with a certificate for %q, and the URL has %q", opt.InitAddress, opt.TLSConfig.ServerName, config.ServerName)
	}
}

func TestConnectionsAreNamed(t *testing.T) {
	for given, want := range map[string]string{"": "backbone", "mine": "mine"} {
		if got := connection(t.Context(), rueidis.ClientOption{ClientName: given}, &Options{}, 1, new(greeting)).ClientName; got != want {
			t.Errorf("a connection named %q in the URL is %q", given, got)
		}
	}
}

func TestTheServerIsTheSame(t *testing.T) {
	c := &redisConns{identity: identity{runID: "a", role: "master"}}
	for now, same := range map[identity]bool{
		{}: true, {runID: "a", role: "master"}: true, {runID: "b"}: false, {role: "slave"}: false, {runID: "b", role: "master"}: false,
	} {
		if err := c.same(now); (err == nil) != same {
			t.Errorf("%+v: %v", now, err)
		}
	}
}

func TestWhatASentinelSays(t *testing.T) {
	for _, test := range []struct{ epoch, ip, port, want string }{
		{"7", "10.0.0.1", "6379", "7 10.0.0.1:6379"}, {"7", "::1", "6379", "7 [::1]:6379"},
		{"7", "", "6379", ""}, {"7", "10.0.0.1", "", ""}, {"x", "10.0.0.1", "6379", ""},
	} {
		v, err := sentinelView(map[string]string{"config-epoch": test.epoch, "ip": test.ip, "port": test.port})
		got := ""
		if err == nil {
			for address := range v.masters {
				got = fmt.Sprint(v.epoch, " ", address)
			}
		}
		if got != test.want {
			t.Errorf("%+v: %q, %v", test, got, err)
		}
	}
}

func TestNodesThatAreAskedAreBounded(t *testing.T) {
	l := &locator{target: &target{URL: &redisurl.URL{Addresses: []string{"a:1", "b:1"}}}}
	for n := range maxAsked {
		l.others = append(l.others, fmt.Sprint("c:", n))
	}
	l.others = append(l.others, "a:1")
	got := l.candidates()
	if want := append([]string{"a:1", "b:1"}, l.others[:maxAsked-2]...); !slices.Equal(got, want) {
		t.Errorf("asked are %v, want %v", got, want)
	}
	l.others = []string{"b:1", "c:1"}
	if got := l.candidates(); !slices.Equal(got, []string{"a:1", "b:1", "c:1"}) {
		t.Errorf("asked are %v, want each once", got)
	}
}

func TestPeersThatAreSilentAreForgotten(t *testing.T) {
	now := time.Now()
	p := peers{"silent": now.Add(-time.Second - 1), "just": now.Add(-time.Second), "alive": now}
	if n := p.live(now, time.Second); n != 2 || p["silent"] != (time.Time{}) {
		t.Errorf("%d live: %v", n, p)
	}
}

// The counts of a backlog are of all its life, and what is added counts only once.
func TestWhatABacklogLeavesOutIsCountedOnce(t *testing.T) {
	count := new(counters)
	b := newBacklog(Options{InboxBytes: 1}, count, DropInboxFull)
	for round := range 3 {
		for i := range 4 {
			e := tick("A", "X", uint64(10*round+i+1), i)
			offered := e
			offered.Kind = hub.Recovered
			b.addAll([]hub.BroadcastEvent{e, offered, e})
		}
		left := b.LeftOut()
		if got := count.conflated.Load(); left.Conflated == 0 || left.Repeated == 0 || got != left.Conflated+left.Repeated {
			t.Fatalf("counted are %d of %+v", got, left)
		}
	}
}

// Of each value the newest is stored later, and what waits is counted in bytes. What is no value, or
// of a partition that is left out, does not wait.
func TestWhatWaitsToBeStored(t *testing.T) {
	u := unstored{every: time.Minute}
	of := func(p int, clock uint64, payload string) hub.BroadcastEvent {
		return hub.BroadcastEvent{Room: inPartition(p), Kind: hub.State, Payload: payload, Version: hub.Version{Clock: clock, Instance: "A"}}
	}
	u.add([]hub.BroadcastEvent{chat(inPartition(7), "no value"), of(7, 1, "left out"), of(3, 2, "long payload"), of(5, 1, "other")}, partition.Only(7))
	u.add([]hub.BroadcastEvent{of(3, 1, "an older one"), of(3, 2, "as old"), of(3, 3, "new"), of(9, 1, "12")}, 0)
	var got []string
	for _, e := range u.values {
		got = append(got, e.Payload)
	}
	if want := []string{"new", "other", "12"}; !slices.Equal(got, want) {
		t.Errorf("waiting are %q, want %q", got, want)
	}
	if want := 3*eventBytes + len("new") + len("other") + len("12"); u.bytes != want || u.due == nil {
		t.Errorf("%d bytes wait, want %d", u.bytes, want)
	}
	if values := u.take(); len(values) != 3 || u.bytes != 0 || u.values != nil || u.due != nil || u.every != time.Minute {
		t.Errorf("taken are %d, left is %+v", len(values), u)
	}
}

// What is wrong with a version is told when it is new, also if it was told before another one.
func TestAFlawIsToldOnce(t *testing.T) {
	i, o := newInstance(t, "me")
	s := &shard{shared: &shared{log: o.Logger}}
	for n, step := range []struct {
		flaw string
		told bool
	}{{"", false}, {"a", true}, {"a", false}, {"b", true}, {"", false}, {"", false}, {"b", true}} {
		if s.warnOf(step.flaw); (i.loggedSoFar() != "") != step.told {
			t.Errorf("step %d: %q is told: %t", n, step.flaw, !step.told)
		}
	}
}
