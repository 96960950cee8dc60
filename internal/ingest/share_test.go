package ingest

import (
	"fmt"
	"testing"
	"time"

	"backbone/internal/hub"
)

// A producer may begin as many instruments as its share has, however many places there are. Those that are
// past their lives, or retired, give way to its own new ones. Others are not concerned.
func TestAProducerHasAShare(t *testing.T) {
	b := newBox(t, true, func(o *Options) { o.MaxOfProducer = 3 })
	publish := func(producer, room, payload string) bool {
		_, rejected := b.publish(producer, []hub.BroadcastEvent{{Room: room, Payload: payload}}, b.now)
		return len(rejected) == 0
	}
	begun := func(producer string) (n int) {
		for i := range 10 {
			if publish(producer, fmt.Sprint(producer, i), "1") {
				n++
			}
		}
		return n
	}
	if p, q := begun("p"), begun("q"); p != 3 || q != 3 {
		t.Fatalf("of 10 instruments p began %d and q %d", p, q)
	}
	if !publish("p", "p0", "2") || publish("p", "NEW", "1") {
		t.Error("with its share used up, one that is known is refused, or a new one is taken")
	}
	if !publish("p", "p1", "gone") || !publish("p", "NEW", "1") || publish("p", "NEWER", "1") {
		t.Error("a retired one does not give way, or more than that one")
	}
	if b.take(from("other", "R", 5, 5, "1")); b.table.find("R") == nil {
		t.Error("what comes from another instance is refused")
	}
	b.wait(b.core.opts.TTL + time.Second)
	if n := begun("p"); n != 3 {
		t.Errorf("after their lives %d give way", n)
	}
}
