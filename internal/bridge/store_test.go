package bridge

import (
	"testing"

	"backbone/internal/redistest"
)

// What Redis could not store must reach it once it can, from whoever survives: every
// instance begins a generation then, also one that has published nothing.
func TestStoringMayFailWithoutSilencingOthers(t *testing.T) {
	noLeak(t)
	s := redistest.Start(t)
	a, b := start(t, "A", s.URL()), start(t, "B", s.URL())
	a.linked()
	b.linked()
	s.CLI("CONFIG", "SET", "maxmemory", "1")
	e := tick("A", "BTC_USDT", 1, 1)
	a.publish(e)
	b.hearsNothingBut(e)
	for _, i := range []*instance{a, b} {
		i.logged("does not store last prices")
	}
	s.CLI("CONFIG", "SET", "maxmemory", "0")
	for _, i := range []*instance{a, b} {
		i.logged("stores last prices again")
		i.linked()
	}
	if got := s.CLI("DBSIZE"); got != "0" {
		t.Errorf("%s keys, want none: nothing was published since", got)
	}
	b.publish(recovered(e))
	end := chat("BTC_USDT", "end")
	b.publish(end)
	a.hearsNothingBut(recovered(e))
	a.hearsNothingBut(end)
	if got := a.read("BTC_USDT"); len(got.found) != 1 || got.found[0].Version != e.Version {
		t.Errorf("read: %+v", got)
	}
	for _, i := range []*instance{a, b} {
		if st := i.stats(); st.Reconnects != 0 {
			t.Errorf("%s's stats: %+v", i.id, st)
		}
	}
	if st := a.stats(); st.StoreFailed != 1 {
		t.Errorf("A's stats: %+v", st)
	}
}
