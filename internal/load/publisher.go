package load

import (
	"context"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"backbone/client"
)

// sink is what the publisher needs of a client.Ingestor.
type sink interface {
	Publish(context.Context, client.PriceUpdate) error
	PublishBatch(context.Context, []client.PriceUpdate) error
}

// publisher publishes the events of a run. Each carries its number within its room
// as the price and the time at which it was due.
type publisher struct {
	// Immutable.
	sink   sink
	rooms  []string
	rate   float64 // events a second; 0: as fast as the sink accepts them
	burst  int
	whole  bool // a burst is one message
	stage  *stage
	sleep  func(context.Context, time.Duration)
	random *rand.Rand // chooses rooms; owned by run

	// Owned by run, then by the goroutine that waited for it.
	seqs     []uint64 // newest number of each room
	due      int      // events that were to be sent once measuring began
	measured int      // those of them that were
	lag      *hdrhistogram.Histogram

	// For the message that is being built.
	updates []client.PriceUpdate
	picked  []int // their rooms
}

// run publishes from begin on, by the clock. Events that are due from measured on are counted,
// and no event is due from end on. It returns nil when all events are sent, and an error when
// ctx ends. After stop, nothing further is due.
func (p *publisher) run(ctx context.Context, stop <-chan struct{}, begin, measured, end time.Duration) error {
	if p.rate == 0 {
		return p.race(ctx, stop, measured, end)
	}
	s := schedule{p.rate, p.burst}
	first, n := s.bursts(measured-begin), s.bursts(end-begin)
	for i := range n {
		due := begin + s.due(i)
		p.sleep(ctx, due-p.stage.clock.now())
		select {
		case <-stop:
			return nil
		default:
		}
		if i >= first {
			p.due += p.burst
			record(p.lag, []int64{int64(p.stage.clock.now() - due)})
		}
		if err := p.send(ctx, due); err != nil {
			p.due = (n - first) * p.burst
			return err
		}
		if i >= first {
			p.measured += p.burst
		}
	}
	return nil
}

// race publishes as fast as the sink accepts events. An event is due when it is sent.
func (p *publisher) race(ctx context.Context, stop <-chan struct{}, measured, end time.Duration) error {
	for {
		now := p.stage.clock.now()
		if now >= end {
			return nil
		}
		select {
		case <-stop:
			return nil
		default:
		}
		if err := p.send(ctx, now); err != nil {
			return err
		}
		if now >= measured {
			p.due += p.burst
			p.measured += p.burst
		}
	}
}

// send publishes one burst.
func (p *publisher) send(ctx context.Context, due time.Duration) error {
	ts := p.stage.clock.stamp(due)
	for left := p.burst; left > 0; {
		n := 1
		if p.whole {
			n = min(left, oneMessage)
		}
		if err := p.message(ctx, n, ts); err != nil {
			return err
		}
		left -= n
	}
	return nil
}

// oneMessage is a number of events that fit into one message.
const oneMessage = 512

func (p *publisher) message(ctx context.Context, n int, ts int64) error {
	p.updates, p.picked = p.updates[:0], p.picked[:0]
	for range n {
		room := p.random.IntN(len(p.rooms))
		p.seqs[room]++
		p.picked = append(p.picked, room)
		p.updates = append(p.updates, p.update(room, p.seqs[room], ts))
	}
	var err error
	if n == 1 {
		err = p.sink.Publish(ctx, p.updates[0])
	} else {
		err = p.sink.PublishBatch(ctx, p.updates)
	}
	if err != nil { // nothing of it was sent
		for _, room := range p.picked {
			p.seqs[room]--
		}
		return err
	}
	p.stage.sent.Add(int64(n))
	return nil
}

// end publishes the end mark of each room. Their numbers are not counted in seqs.
func (p *publisher) end(ctx context.Context) error {
	var marks []client.PriceUpdate
	for room, seq := range p.seqs {
		marks = append(marks, p.update(room, seq+1, endMark))
		if len(marks) == oneMessage || room == len(p.seqs)-1 {
			if err := p.sink.PublishBatch(ctx, marks); err != nil {
				return err
			}
			marks = nil
		}
	}
	return nil
}

func (p *publisher) update(room int, seq uint64, ts int64) client.PriceUpdate {
	return client.PriceUpdate{Instrument: p.rooms[room], Price: client.Price(strconv.FormatUint(seq, 10)), TS: ts}
}
