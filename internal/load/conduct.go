package load

import (
	"context"
	"math/rand/v2"
	"time"

	"backbone/client"
)

// leadIn is the time between the end of connecting and the first event.
const leadIn = 50 * time.Millisecond

// measure publishes until the measurement ends.
func (r *run) measure(ctx, life context.Context, ingestor *client.Ingestor) error {
	clock := r.stage.clock
	first := clock.now() + leadIn
	r.begin = first + r.Warmup
	end := r.begin + r.For
	r.stage.measured.Store(int64(r.begin))
	r.publisher = &publisher{
		sink: ingestor, rooms: r.rooms.names,
		rate: r.Rate, burst: r.Burst, whole: r.Batch,
		stage: r.stage, sleep: sleep,
		random: rand.New(rand.NewPCG(r.Seed, 1)),
		seqs:   make([]uint64, r.Rooms),
		lag:    newLatencies(totalDigits),
	}
	sending, giveUp := context.WithTimeout(life, end+r.Drain-clock.now())
	defer giveUp()
	stop, published := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(published)
		_ = r.publisher.run(sending, stop, first, r.begin, end) // what was not sent is counted
	}()

	begun, over := time.After(r.begin-clock.now()), time.After(end-clock.now())
	var storm <-chan time.Time
	stormed := make(chan arrival, 1)
	if r.Storm > 0 {
		storm = time.After(r.begin + r.For/2 - clock.now())
	}
	interrupted := ctx.Done()
	for publishing, storming := true, false; publishing || storming || over != nil; {
		select {
		case <-begun:
			r.began = r.used()
		case <-storm:
			r.stormAt = clock.now()
			r.stage.phase.Store(int32(phaseStorm))
			storming = true
			go func() { stormed <- r.newcomers.connect(life, r.ConsumeFrom, r.consumerOptions(), func() {}) }()
		case a := <-stormed:
			r.stage.phase.Store(int32(phaseAfter))
			r.stormed, storming = &a, false
		case <-published:
			publishing, published = false, nil
		case <-over:
			over = nil
			r.measuredUntil(end)
		case <-interrupted:
			interrupted, storm = nil, nil
			if over != nil {
				over = nil
				r.measuredUntil(clock.now())
			}
			close(stop)
		case <-life.Done():
			if publishing {
				<-published
			}
			if storming {
				<-stormed
			}
			return context.Cause(life)
		}
	}
	return r.drain(life, ingestor)
}

// measuredUntil ends the measurement.
func (r *run) measuredUntil(end time.Duration) {
	r.stage.over.Store(true)
	r.end, r.ended = end, r.used()
}

// drain publishes the end marks and waits until they have arrived everywhere.
func (r *run) drain(life context.Context, ingestor *client.Ingestor) error {
	draining, giveUp := context.WithTimeout(life, r.Drain)
	defer giveUp()
	close(r.hurry)
	if err := r.publisher.end(draining); err == nil {
		_ = ingestor.Flush(draining) // a failure shows as events that are missing
	}
	due := 0
	for _, f := range []fleet{r.standing, r.newcomers} {
		for _, c := range f {
			if c.conn != nil && c.kind != stalledConsumer {
				due++
			}
		}
	}
	for ; due > 0; due-- {
		select {
		case <-r.finished:
			continue
		case <-draining.Done():
		}
		break
	}
	r.unfinished = due
	if life.Err() != nil {
		return context.Cause(life)
	}
	return nil
}
