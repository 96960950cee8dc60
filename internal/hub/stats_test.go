package hub

import (
	"context"
	"testing"
)

func TestHowAClientStands(t *testing.T) {
	s := NewSteps(withQueue(600))
	c := member(s, "A", "B")
	stands := func(when string, want ClientStats) {
		t.Helper()
		if got, ok := s.hub.standing(c); !ok || got != want {
			t.Errorf("%s: %+v %v, want %+v", when, got, ok, want)
		}
	}
	stands("before anything came", ClientStats{Rooms: 2})
	for n := range 60 {
		s.Route([]BroadcastEvent{digit("A", n)})
	}
	stands("with 60 events that wait", ClientStats{Rooms: 2, Queued: 600})
	s.Route([]BroadcastEvent{digit("A", 60), digit("B", 0)})
	stands("with six in the queue and the newest of each room", ClientStats{Rooms: 2, Queued: 80, Skipped: 54, Lags: LagBytes})
	s.Conflate(c)
	stands("with the newest of each room", ClientStats{Rooms: 2, Queued: 20, Skipped: 60, Lags: LagBytes})
	pulled(t, s, c, Want{})
	stands("that got them", ClientStats{Rooms: 2, Skipped: 60})
	s.Conflate(c)
	s.Route([]BroadcastEvent{digit("A", 1)})
	s.Route([]BroadcastEvent{digit("A", 2)})
	stands("that was found to be slow", ClientStats{Rooms: 2, Queued: 10, Skipped: 61, Lags: LagAge})
	s.Unregister(c)
	if got, ok := s.hub.standing(c); ok {
		t.Errorf("who has gone still stands: %+v", got)
	}
}

func TestTheHubTellsHowAClientStands(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	h := New(testOptions())
	go h.Run(ctx)
	c := newClient()
	h.Register(c)
	h.Join(c, []string{"A"}, Wants{}, line("joined"), goesOn)
	if got, ok := h.ClientStats(c); !ok || got.Rooms != 1 {
		t.Errorf("%+v %v", got, ok)
	}
	cancel()
	<-h.Done()
	if got, ok := h.ClientStats(c); ok || got != (ClientStats{}) {
		t.Errorf("a hub that has ended tells %+v %v", got, ok)
	}
}
