package ingest

import "backbone/internal/hub"

// A Publisher publishes for one goroutine.
type Publisher struct {
	in     *Ingest
	from   string
	answer chan []int // to the goroutine that publishes
}

// Publisher returns a Publisher for one goroutine. from names the producer, which shares the
// places for instruments with other producers. Publishers with one name are one producer.
func (in *Ingest) Publisher(from string) *Publisher {
	return &Publisher{in: in, from: from, answer: make(chan []int, 1)}
}

// Publish publishes events in order and owns the slice afterwards. It returns the
// positions of the rejected ones (see ErrTooManyInstruments), or ErrStopped. It waits for
// the hub if that is behind. Nothing else slows a producer down.
func (p *Publisher) Publish(events []hub.BroadcastEvent) (rejected []int, err error) {
	if !p.in.send(input{kind: publish, from: p.from, events: events, reply: p.answer}) {
		return nil, ErrStopped
	}
	select {
	case rejected = <-p.answer:
		return rejected, nil
	case <-p.in.done:
		return nil, ErrStopped
	}
}
