package ingest

import (
	"slices"
	"testing"

	"backbone/internal/hub"
)

// Steps do what Run does; a simulation relies on it.
func TestSteps(t *testing.T) {
	o := testOptions("me", true)
	s := NewSteps(o, epoch)
	pass, rejected := s.Publish("p", prices("X", "1"), epoch)
	want(t, "published", describe(pass), "live X 1")
	if rejected != nil {
		t.Errorf("rejected %v", rejected)
	}
	want(t, "offered", describe(s.Outbox()), "live X 1")
	want(t, "taken", describe(s.TakeOutbox()), "live X 1")
	want(t, "taken again", describe(s.TakeOutbox()), "")
	if s.NextTask() != never {
		t.Errorf("has work at %v, want none", s.NextTask())
	}
	s.Generation(everyone)
	want(t, "joined", describe(s.Watch([]string{"X", "Y"}, hub.Wants{Absent: true}, epoch)), "")
	if rooms := s.TakeReads(); !slices.Equal(rooms, []string{"X", "Y"}) {
		t.Errorf("reads %v, want X and Y", rooms)
	}
	for s.NextTask() <= epoch.Steady {
		s.Tasks(epoch)
	}
	want(t, "offered again", describe(s.TakeOutbox()), "recovered X 1")
	want(t, "answered", describe(s.LastPrices([]string{"X", "Y"}, nil, false, epoch)), "warm X 1!; absent Y no Y")
	want(t, "asked", describe(s.TakeOutbox()), "resync X {}; resync Y {}")
	want(t, "from elsewhere", describe(s.Remote([]hub.BroadcastEvent{from("a", "X", 9, 1, "2")}, epoch)), "live X 2")
	s.ForeignClock(wall(epoch)+99<<16, epoch)
	if got := s.Clock(); got != wall(epoch)+99<<16 {
		t.Errorf("the clock is %x", got)
	}
	s.Unwatch([]string{"X", "Y"}, nil)
	if got := s.Stats(); got.Instruments != 1 || got.Published != 1 || got.Remote != 1 {
		t.Errorf("counted %+v", got)
	}
}
