package hub

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func running(t *testing.T) *Hub {
	t.Helper()
	h := New(NewSteps(withQueue(600)).hub.opts)
	ctx, stop := context.WithCancel(context.Background())
	var run sync.WaitGroup
	run.Go(func() { h.Run(ctx) })
	t.Cleanup(func() { stop(); run.Wait() })
	return h
}

// With many rooms an event does not wait until all are looked at.
func TestEventsGoBetweenTwoLooksAtRooms(t *testing.T) {
	const rooms = 100 * perLook
	h := running(t)
	c := new(Client)
	c.Init(nil, nil)
	h.Register(c)
	names := make([]string, rooms)
	for i := range names {
		names[i] = fmt.Sprintf("R%05d", i)
	}
	h.Join(c, names, Wants{}, []byte("reply"), goesOn)
	calls, routed := 0, 0
	all, err := h.Rooms(t.Context(), func(string) bool { // called by Run
		if calls++; calls == 1 {
			h.events <- []BroadcastEvent{{Room: "unheard", Payload: "x", Kind: Message}}
		}
		if routed == 0 && h.stats.Events > 0 {
			routed = calls
		}
		return calls%2 == 0
	})
	if err != nil || len(all) != rooms/2 || all[0].Members != 1 {
		t.Fatalf("%d rooms, %v", len(all), err)
	}
	if routed == 0 || routed > rooms/2 { // chance decides which of two channels is received from
		t.Errorf("the event was routed after %d of %d rooms", routed, rooms)
	}
	go h.Unregister(c, func() {}) // rooms may go meanwhile
	if _, err := h.Rooms(t.Context(), func(string) bool { return true }); err != nil {
		t.Error(err)
	}
	h.Settle()
}

func TestStandingsOfManyClients(t *testing.T) {
	h := running(t)
	clients := make([]*Client, 3*perLook+1)
	for i := range clients {
		clients[i] = new(Client)
		clients[i].Init(nil, nil)
		if i > 0 {
			h.Register(clients[i])
			h.Join(clients[i], []string{"A"}, Wants{}, []byte("reply"), goesOn)
		}
	}
	all, err := h.Standings(t.Context(), clients)
	if err != nil || len(all) != len(clients) || all[0].Rooms != 0 || all[len(all)-1].Rooms != 1 {
		t.Errorf("%d standings, %v: %+v", len(all), err, all[0])
	}
	ended, end := context.WithCancel(t.Context())
	end()
	for range 100 { // the hub may be faster than it is noticed
		if _, err = h.Standings(ended, clients); err != nil {
			break
		}
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("after its context: %v", err)
	}
}

// An answer that is cut off leaves no goroutine, whether its look is under way or has not begun.
func TestRoomsThatAreCutOffLeaveNothing(t *testing.T) {
	h := running(t)
	c := new(Client)
	c.Init(nil, nil)
	h.Register(c)
	names := make([]string, 3*perLook)
	for i := range names {
		names[i] = fmt.Sprintf("R%03d", i)
	}
	h.Join(c, names, Wants{}, []byte("reply"), goesOn)
	before := goleak.IgnoreCurrent()
	for name, begins := range map[string]bool{"under way": true, "not begun": false} {
		ctx, end := context.WithCancel(t.Context())
		looks, free := make(chan struct{}, len(names)), make(chan struct{})
		if !begins {
			go h.look(func() { looks <- struct{}{}; <-free })
			<-looks
		}
		returned := make(chan error)
		go func() {
			_, err := h.Rooms(ctx, func(string) bool { // called by Run
				looks <- struct{}{}
				<-free
				return true
			})
			returned <- err
		}()
		if begins {
			<-looks
		}
		for !begins && len(h.commands) == 0 {
			runtime.Gosched()
		}
		end()
		if err := <-returned; !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
		close(free)
		if err := goleak.Find(before); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
