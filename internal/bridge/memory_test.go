package bridge

import (
	"testing"
	"testing/synctest"
	"time"

	"backbone/internal/hub"
)

func startMemory(t *testing.T, m *Memory, origin string, change ...func(*Options)) *instance {
	t.Helper()
	i, o := newInstance(t, origin)
	for _, f := range change {
		f(&o)
	}
	b, err := m.Bridge(o)
	if err != nil {
		t.Fatal(err)
	}
	i.stats = b.Stats
	i.run(b.Run)
	i.linked()
	return i
}

func TestMemoryKeepsTheContract(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory()
		a, b := startMemory(t, m, "A"), startMemory(t, m, "B")

		e := tick("A", "ROOM", 5, 1)
		e.Born -= int64(10 * time.Second)
		a.publish(e, chat("ROOM", "hello"))
		b.hearsNothingBut(e)
		if got := b.hears(); got.Kind != hub.Message || got.Version != (hub.Version{Instance: "A"}) {
			t.Errorf("the message: %+v", got)
		}

		end := chat("ROOM", "end")
		b.publish(tick("B", "ROOM", 4, 2), recovered(e), end)
		a.hearsNothingBut(end)
		if got := receive(t, b.clocks, "the newer clock"); got != 5 {
			t.Errorf("told of clock %d, want 5", got)
		}
		if st := b.stats(); st.Refused != 1 || st.Unchanged != 1 || st.Published != 1 {
			t.Errorf("B's stats: %+v", st)
		}

		if got := receive(t, a.states, "the state of the link"); !got {
			t.Error("told that the link does not work")
		}
		question := hub.BroadcastEvent{Room: "ROOM", Kind: hub.Resync, Payload: "{}", Version: hub.Version{Clock: 1, Instance: "B"}}
		b.publish(question)
		if got := a.hears(); got.Kind != hub.Resync || got.Version != question.Version {
			t.Errorf("A heard %+v, want the question", got)
		}
		if got := b.read("OTHER", "ROOM"); len(got.found) != 1 || got.found[0].Kind != hub.Recovered || got.found[0].Born != e.Born {
			t.Errorf("read: %+v", got)
		}
		time.Sleep(20 * time.Second) // fake time: the value's lifetime ends
		if got := b.read("ROOM"); got.err != nil || len(got.found) != 0 {
			t.Errorf("read of an expired value: %+v", got)
		}
		if st := a.stats(); st.Peers != 1 {
			t.Errorf("A's stats: %+v", st)
		}

		b.stop()
		again := startMemory(t, m, "C")
		old := recovered(e)
		a.publish(old)
		again.hearsNothingBut(old)
		if got := again.read("ROOM"); len(got.found) != 0 {
			t.Errorf("an expired value was stored: %+v", got)
		}
	})
}

func TestMemoryConflatesForASlowSink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory()
		a := startMemory(t, m, "A")
		b := startMemory(t, m, "B", func(o *Options) { o.InboxBytes = 1000 })
		for i := range cap(b.remote) + 1000 {
			a.publish(tick("A", "ROOM", uint64(i+1), i))
		}
		last := uint64(cap(b.remote) + 1000)
		for b.hears().Version.Clock != last {
		}
		if st := b.stats(); st.Conflated == 0 {
			t.Errorf("B's stats: %+v", st)
		}
	})
}
