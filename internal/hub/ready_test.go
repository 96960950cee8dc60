package hub

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// Whoever takes lists, however seldom, and looks into the queues of those listed misses
// nobody; and the hub waits for no list to be taken.
func TestEveryQueueThatGotSomethingIsListed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := NewSteps(testOptions())
		readies := []*Ready{NewReady(), NewReady()}
		var clients []*Client
		for i := range rapid.IntRange(1, 3*listSize).Draw(t, "clients") {
			c := new(Client)
			c.Init(readies[i%len(readies)], i)
			s.Register(c)
			clients = append(clients, c)
		}
		take := func(r *Ready) {
			select {
			case list := <-r.Lists():
				for _, c := range list {
					if c.Owner() != slices.Index(clients, c) {
						t.Fatalf("client %d has the owner %v", slices.Index(clients, c), c.Owner())
					}
					for len(c.Queue()) > 0 {
						<-c.Queue()
					}
				}
				r.Done(list)
			default:
			}
		}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0, 1:
				s.Route([]BroadcastEvent{value("A", 1)})
			case 2:
				for _, c := range clients {
					s.Join(c, []string{"A"}, Wants{}, line("joined"))
				}
			case 3:
				take(rapid.SampledFrom(readies).Draw(t, "ready"))
			}
		}
		for _, r := range readies {
			take(r)
		}
		for i, c := range clients {
			if n := len(c.Queue()); n > 0 {
				t.Errorf("client %d was not listed and has %d batches", i, n)
			}
		}
	})
}

func TestListsAreUsedAgain(t *testing.T) {
	s := NewSteps(testOptions())
	ready := NewReady()
	c := new(Client)
	c.Init(ready, nil)
	s.Register(c)
	s.Join(c, []string{"A"}, Wants{}, line("joined"))
	list := <-ready.Lists()
	<-c.Queue()
	ready.Done(list)
	s.Route([]BroadcastEvent{value("A", 1)})
	if again := <-ready.Lists(); &again[0] != &list[0] {
		t.Error("the list is another one")
	}
}
