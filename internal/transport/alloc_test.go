package transport

import (
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/gobwas/ws"

	"backbone/protocol"
)

// From the ReadPump to the write nothing is allocated for one consumer of an event: its cost is
// shared by all of them.
func TestDeliveriesAllocateNothing(t *testing.T) {
	const consumers, warmup, events = 100, 50, 300
	i := onTCP(t, settings{})
	payload := price("A", "60214.30")
	size := int64(len(Frame(nil, payload)))
	var received atomic.Int64
	arrived := make(chan struct{}, 1)
	for range consumers {
		p := i.consumer()
		p.join("A")
		go func() {
			buf := make([]byte, 32<<10)
			for {
				n, err := p.r.Read(buf)
				if err != nil {
					return // the test ends
				}
				if received.Add(int64(n))%(consumers*size) == 0 {
					arrived <- struct{}{}
				}
			}
		}()
	}
	feed := i.connect(protocol.PathIngest)
	message := masked(ws.OpText, payload)
	send := func(n int) {
		for range n {
			feed.raw(message)
			<-arrived // one flush each, the dearest way
		}
	}
	send(warmup)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	send(events)
	runtime.ReadMemStats(&after)
	perDelivery := float64(after.Mallocs-before.Mallocs) / (events * consumers)
	t.Logf("%.3f allocations a delivery", perDelivery)
	if perDelivery > 0.2 {
		t.Errorf("%.3f allocations a delivery, want those of the event alone: less than 0.2", perDelivery)
	}
}
