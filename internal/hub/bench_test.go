package hub

import (
	"fmt"
	"testing"
)

// crowd is members of rooms, and a way to empty their queues between flushes.
func crowd(b *testing.B, members, rooms int) (Steps, func()) {
	b.Helper()
	opts := testOptions()
	opts.QueueBytes = 256 << 10
	s := NewSteps(opts)
	var names []string
	for i := range rooms {
		names = append(names, fmt.Sprintf("R%d", i))
	}
	ready := NewReady()
	take := func() {
		for {
			select {
			case list := <-ready.Lists():
				for _, c := range list {
					<-c.Queue()
				}
				ready.Done(list)
			default:
				return
			}
		}
	}
	for range members {
		c := new(Client)
		c.Init(ready, nil)
		s.Register(c)
		s.Join(c, append([]string(nil), names...), Wants{}, line("joined"))
		take()
	}
	return s, take
}

func burst(n, rooms int) []BroadcastEvent {
	events := make([]BroadcastEvent, n)
	for i := range events {
		room := fmt.Sprintf("R%d", i%rooms)
		events[i] = BroadcastEvent{Room: room, Kind: State,
			Payload: fmt.Sprintf(`{"type":"price_update","instrument":"%s","price":60214.3,"ts":1710000000000}`, room)}
	}
	return events
}

func benchmarkFlush(b *testing.B, members, rooms, events int) {
	s, empty := crowd(b, members, rooms)
	turn := burst(events, rooms)
	b.ReportAllocs()
	for b.Loop() {
		s.Route(turn)
		empty()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(members*events), "ns/delivery")
}

func BenchmarkFlushOneEventTo1000(b *testing.B)  { benchmarkFlush(b, 1000, 1, 1) }
func BenchmarkFlushBurstOf20To1000(b *testing.B) { benchmarkFlush(b, 1000, 1, 20) }
func BenchmarkFlush20RoomsTo500(b *testing.B)    { benchmarkFlush(b, 500, 20, 40) }

// BenchmarkConflate is a flush to members of whom none reads.
func BenchmarkConflate(b *testing.B) {
	s, _ := crowd(b, 100, 1)
	turn := burst(1, 1)
	for range 10_000 {
		s.Route(turn)
	}
	b.ReportAllocs()
	for b.Loop() {
		s.Route(turn)
	}
}

func BenchmarkUnheard(b *testing.B) {
	s, _ := crowd(b, 1, 1)
	turn := burst(500, 500)
	b.ReportAllocs()
	for b.Loop() {
		s.Route(turn[1:])
	}
}

func BenchmarkJoinLeave(b *testing.B) {
	s, _ := crowd(b, 1000, 1)
	c := newClient()
	s.Register(c)
	b.ReportAllocs()
	for b.Loop() {
		s.Join(c, []string{"R0"}, Wants{}, []byte("j"))
		s.Leave(c, []string{"R0"}, []byte("l"))
		<-c.Queue()
		<-c.Queue()
	}
}
