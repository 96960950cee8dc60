package main

import (
	"context"
	"math/rand/v2"
	"time"

	"backbone/client"
)

// leadIn is the time between the end of connecting and the first event.
const leadIn = 50 * time.Millisecond

// measure publishes, and watches the time.
func (b *benchRun) measure(ctx, life context.Context, ingestor *client.Ingestor) error {
	clock := b.stage.clock
	first := clock.now() + leadIn
	b.begin = first + b.Warmup
	end := b.begin + b.For
	b.stage.measured.Store(int64(b.begin))
	b.publisher = &benchPublisher{
		sink: ingestor, rooms: b.rooms.names,
		rate: b.Rate, burst: b.Burst, whole: b.Batch,
		stage: b.stage, sleep: sleep,
		random: rand.New(rand.NewPCG(b.Seed, 1)),
		seqs:   make([]uint64, b.Rooms),
		lag:    newLatencies(totalDigits),
	}
	sending, giveUp := context.WithTimeout(life, end+b.Drain-clock.now())
	defer giveUp()
	stop, published := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(published)
		_ = b.publisher.run(sending, stop, first, b.begin, end) // what was not sent is counted
	}()

	begun, over := time.After(b.begin-clock.now()), time.After(end-clock.now())
	var storm <-chan time.Time
	stormed := make(chan arrival, 1)
	if b.Storm > 0 {
		storm = time.After(b.begin + b.For/2 - clock.now())
	}
	interrupted := ctx.Done()
	for publishing, storming := true, false; publishing || storming || over != nil; {
		select {
		case <-begun:
			b.began = b.used()
		case <-storm:
			b.stormAt = clock.now()
			b.stage.phase.Store(int32(phaseStorm))
			storming = true
			go func() { stormed <- b.newcomers.connect(life, b.consumeURLs(), b.consumerOptions(), func() {}) }()
		case a := <-stormed:
			b.stage.phase.Store(int32(phaseAfter))
			b.stormed, storming = &a, false
		case <-published:
			publishing, published = false, nil
		case <-over:
			over = nil
			b.end, b.ended = end, b.used()
		case <-interrupted:
			interrupted, storm = nil, nil
			if over != nil {
				over = nil
				b.end, b.ended = clock.now(), b.used()
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
	return b.drain(life, ingestor)
}

// drain publishes the end marks and waits until they have arrived everywhere.
func (b *benchRun) drain(life context.Context, ingestor *client.Ingestor) error {
	draining, giveUp := context.WithTimeout(life, b.Drain)
	defer giveUp()
	close(b.hurry)
	if err := b.publisher.end(draining); err == nil {
		_ = ingestor.Flush(draining) // what it would tell is seen where it is missing
	}
	due := 0
	for _, f := range []fleet{b.standing, b.newcomers} {
		for _, c := range f {
			if c.conn != nil && c.kind != stalledConsumer {
				due++
			}
		}
	}
	for ; due > 0; due-- {
		select {
		case <-b.finished:
			continue
		case <-draining.Done():
		}
		break
	}
	b.unfinished = due
	if life.Err() != nil {
		return context.Cause(life)
	}
	return nil
}
