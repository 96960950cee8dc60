package bridge

import (
	"strings"
	"testing"
	"time"

	"backbone/internal/hub"
	"backbone/internal/redistest"
)

// exchange proves that events pass both ways.
func exchange(t *testing.T, a, b *instance, clock uint64) {
	t.Helper()
	e := tick(a.id, "EXCHANGE", clock, 1)
	a.publish(e)
	b.hearsNothingBut(e)
	e = tick(b.id, "EXCHANGE", clock+1, 2)
	b.publish(e)
	a.hearsNothingBut(e)
}

func TestRestartedEmpty(t *testing.T) {
	noLeak(t)
	s := redistest.Start(t)
	a, b := start(t, "A", s.URL()), start(t, "B", s.URL())
	a.linked()
	b.linked()
	e := tick("A", "BTC_USDT", 9, 1)
	a.publish(e)
	b.hearsNothingBut(e)

	s.Kill()
	a.logged("redis is lost")
	b.logged("redis is lost")
	if st := a.bridge.Status(); st.State != Degraded || st.Shards[0].Reason == "" {
		t.Errorf("status while Redis is gone: %+v", st)
	}
	if got := a.read("BTC_USDT"); got.err == nil {
		t.Error("a read was answered while Redis is gone")
	}
	s.Restart()
	begun := time.Now()
	a.linked()
	b.linked()
	t.Logf("healed %v after the restart", time.Since(begun))

	b.publish(recovered(e)) // a surviving instance restores what Redis lost
	if got := a.hears(); got.Kind != hub.Recovered || got.Version != e.Version || got.Payload != e.Payload {
		t.Errorf("A heard %+v, want the value offered again", got)
	}
	if got := a.read("BTC_USDT"); len(got.found) != 1 || got.found[0].Version != e.Version {
		t.Errorf("read: %+v", got)
	}
	a.publish(recovered(e)) // known by now: heard by nobody
	exchange(t, a, b, 10)
	for !receive(t, a.states, "the state of the bridge") { // it may have been told of the time before
	}
	for _, want := range []bool{false, true} {
		if got := receive(t, a.states, "the state of the bridge"); got != want {
			t.Errorf("told of state %v, want %v", got, want)
		}
	}
	if line := a.logged("redis is back"); !strings.Contains(line, "away=") {
		t.Errorf("logged %s, want how long it was away", line)
	}
	if st := a.stats(); st.Reconnects != 1 || st.Unchanged != 1 {
		t.Errorf("A's stats: %+v", st)
	}
	if st := a.bridge.Status(); st.State != OK {
		t.Errorf("status: %+v", st)
	}
}

func TestFrozen(t *testing.T) {
	noLeak(t)
	s := redistest.Start(t)
	a, b, c := start(t, "A", s.URL()), start(t, "B", s.URL()), start(t, "C", s.URL())
	for _, i := range []*instance{a, b, c} {
		i.linked()
	}
	s.Freeze()
	begun := time.Now()
	a.publish(chat("ROOM", "once"), tick("A", "ROOM", 1, 1))
	if got := b.read("ROOM"); got.err == nil {
		t.Error("a read was answered by a frozen Redis")
	}
	t.Logf("a read failed after %v", time.Since(begun))
	a.logged("redis is lost")
	noticed := time.Since(begun)
	t.Logf("A noticed after %v", noticed)
	if noticed > 3500*time.Millisecond { // the library alone needs 2 s more to close its connections
		t.Errorf("A noticed after %v, want about 2 s", noticed)
	}
	b.logged("redis is lost")
	t.Logf("B noticed after %v", time.Since(begun))
	if st := a.stats(); st.Drops[DropInDoubt] != 2 {
		t.Errorf("A's stats: %+v", st)
	}
	stopping := time.Now()
	c.stop()
	t.Logf("C stopped within %v", time.Since(stopping))

	s.Thaw()
	begun = time.Now()
	a.linked()
	b.linked()
	t.Logf("healed %v after the thaw", time.Since(begun))
	end := chat("ROOM", "end")
	a.publish(end)
	heard := 0
	for e := b.hears(); e.Payload != end.Payload; e = b.hears() {
		if e.Kind == hub.Message {
			heard++
		}
	}
	if heard > 1 {
		t.Errorf("B heard a message of unknown fate %d times", heard)
	}
}

func TestMissingAtStart(t *testing.T) {
	noLeak(t)
	s := redistest.Start(t)
	s.Kill()
	a, b := start(t, "A", s.URL()), start(t, "B", s.URL())
	a.logged("not reachable yet")
	b.logged("not reachable yet")
	s.Restart()
	begun := time.Now()
	a.linked()
	b.linked()
	t.Logf("linked %v after Redis came", time.Since(begun))
	exchange(t, a, b, 1)
}

func TestHalfOpen(t *testing.T) {
	noLeak(t)
	s := redistest.Start(t)
	p := redistest.NewProxy(t, s)
	a, b := start(t, "A", p.URL()), start(t, "B", s.URL())
	a.linked()
	b.linked()
	exchange(t, a, b, 1)
	p.HalfOpen()
	begun := time.Now()
	a.logged("redis is lost")
	t.Logf("noticed after %v", time.Since(begun))
	p.Whole()
	begun = time.Now()
	a.linked()
	t.Logf("healed %v after", time.Since(begun))
	exchange(t, a, b, 3)
}

func TestCutAndSlow(t *testing.T) {
	noLeak(t)
	s := redistest.Start(t)
	p := redistest.NewProxy(t, s)
	a, b := start(t, "A", p.URL()), start(t, "B", s.URL())
	a.linked()
	b.linked()
	p.Cut()
	a.logged("redis is lost")
	p.Mend()
	begun := time.Now()
	a.linked()
	t.Logf("healed %v after", time.Since(begun))
	exchange(t, a, b, 1)
	p.Delay(100 * time.Millisecond)
	exchange(t, a, b, 3)
	if got := a.read("EXCHANGE"); len(got.found) != 1 {
		t.Errorf("read over a slow link: %+v", got)
	}
	p.Cut() // the slow session's pending bytes must not hold anything up
	a.logged("redis is lost")
}

func TestOnlyTheSubscriberIsKilled(t *testing.T) {
	noLeak(t)
	s := redistest.Start(t)
	a, b := start(t, "A", s.URL()), start(t, "B", s.URL())
	a.linked()
	b.linked()
	if got := s.CLI("CLIENT", "KILL", "TYPE", "pubsub"); got != "2" {
		t.Fatalf("killed %s subscribers, want 2", got)
	}
	begun := time.Now()
	if line := a.logged("redis is lost"); !strings.Contains(line, "subscription") {
		t.Errorf("logged %s, want that the subscription is lost", line)
	}
	a.linked()
	b.linked()
	t.Logf("healed %v after", time.Since(begun))
	exchange(t, a, b, 1)
}

func TestOnlyThePublisherOrTheReaderIsKilled(t *testing.T) {
	noLeak(t)
	s := redistest.Start(t)
	a, b := start(t, "A", s.URL()), start(t, "B", s.URL())
	a.linked()
	b.linked()
	s.CLI("CLIENT", "KILL", "TYPE", "normal")
	a.linked() // at the next heartbeat
	b.linked()
	exchange(t, a, b, 1)
}

func TestDemoted(t *testing.T) {
	noLeak(t)
	s := redistest.Start(t)
	a := start(t, "A", s.URL())
	a.linked()
	s.CLI("REPLICAOF", "127.0.0.1", "1")
	if line := a.logged("redis is lost"); !strings.Contains(line, "slave") {
		t.Errorf("logged %s, want that the server is a replica", line)
	}
	s.CLI("REPLICAOF", "NO", "ONE")
	a.linked()
}

func TestNoLogLineForEachAttempt(t *testing.T) {
	noLeak(t)
	s := redistest.Start(t)
	fast := func(o *Options) { o.BackoffMax = 2 * time.Millisecond; o.BackoffMin = time.Millisecond }
	a := start(t, "A", s.URL(), fast)
	a.linked()
	a.logged("connected to redis")
	s.Kill()
	lost := a.logged("redis is lost")
	deadline := time.Now().Add(patience)
	for strings.Contains(lost, a.bridge.Status().Shards[0].Reason) { // until an attempt failed for a new reason
		if time.Now().After(deadline) {
			t.Fatalf("the reason is still that of %s", lost)
		}
		a.read("ROOM")
	}
	a.logged("redis stays away, for another reason now") // of all attempts with that reason, the first
	s.Restart()
	a.linked()
	if line := receive(t, a.log.lines, "a log line"); !strings.Contains(line, "redis is back") {
		t.Errorf("logged %s while Redis was gone", line)
	}
}
