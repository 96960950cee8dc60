package ingest

import "backbone/internal/hub"

// A Publisher publishes for one goroutine.
type Publisher struct {
	in       *Ingest
	producer *producer
	answer   chan []int // to the goroutine that publishes
}

// producer is one connection that publishes. It does not change: its address in memory tells it
// from others with the same name.
type producer struct {
	name    string // with which it shares the places for instruments
	address string // of the peer, for the log; may be empty
}

// Publisher returns a Publisher for one goroutine, which is one connection of a producer. from names
// the producer, which shares the places for instruments with other producers: Publishers with one
// name are one producer. Two that take turns with an instrument are told in the log whatever their
// names, with the address of the peer, which may be empty.
func (in *Ingest) Publisher(from, address string) *Publisher {
	return &Publisher{in: in, producer: &producer{from, address}, answer: make(chan []int, 1)}
}

// Again returns another Publisher of the same connection, for another goroutine.
func (p *Publisher) Again() *Publisher {
	return &Publisher{in: p.in, producer: p.producer, answer: make(chan []int, 1)}
}

// Publish publishes events in order and owns the slice afterwards. It returns the
// positions of the rejected ones (see ErrTooManyInstruments), or ErrStopped. It waits for
// the hub if that is behind. Nothing else slows a producer down.
func (p *Publisher) Publish(events []hub.BroadcastEvent) (rejected []int, err error) {
	if !p.in.send(input{kind: publish, from: p.producer, events: events, reply: p.answer}) {
		return nil, ErrStopped
	}
	select {
	case rejected = <-p.answer:
		return rejected, nil
	case <-p.in.done:
		return nil, ErrStopped
	}
}
