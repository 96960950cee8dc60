package telemetry

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

const (
	sinkLines  = 8192    // writes that can wait
	sinkBytes  = 1 << 20 // of the writes that wait
	sinkBatch  = 32 << 10
	tellAtMost = time.Second // drops are told no more often
)

// Sink is a writer that never waits for the reader behind it: it queues what is written, and
// one goroutine writes it out. What does not fit into the queue, or cannot be written, is
// dropped and counted, and the count is written once the reader takes something again. So a
// full pipe or a stopped terminal cannot stop the goroutine that logs.
//
// Each Write must be whole lines, which stay together. The methods are safe for concurrent use
// by multiple goroutines.
type Sink struct {
	w       io.Writer
	queue   chan []byte
	waiting atomic.Int64  // bytes in queue, and those that are being written
	dropped atomic.Uint64 // writes
	notice  atomic.Pointer[func(dropped uint64)]
	settle  chan chan struct{} // closed by the goroutine when all is written
	stuck   atomic.Bool        // Settle has waited in vain, and nothing was written since

	closing context.Context
	close   context.CancelFunc
	ended   chan struct{}

	// Owned by the goroutine.
	told   uint64 // of dropped
	toldAt time.Time
}

// NewSink starts the goroutine that writes to w; Close ends it.
func NewSink(w io.Writer) *Sink {
	s := &Sink{w: w, queue: make(chan []byte, sinkLines), settle: make(chan chan struct{}), ended: make(chan struct{})}
	s.closing, s.close = context.WithCancel(context.Background())
	s.tellWith(func(n uint64) {
		_, _ = fmt.Fprintf(w, "%d lines are missing: nobody read them in time\n", n)
	})
	go s.run()
	return s
}

// tellWith sets how the goroutine writes to w that so many writes were dropped.
func (s *Sink) tellWith(tell func(dropped uint64)) { s.notice.Store(&tell) }

// Write queues a copy of p, or drops it. It never fails.
func (s *Sink) Write(p []byte) (int, error) {
	size := int64(len(p))
	if waiting := s.waiting.Add(size); waiting <= sinkBytes || waiting == size {
		select {
		case s.queue <- append([]byte(nil), p...):
			return len(p), nil
		default:
		}
	}
	s.waiting.Add(-size)
	s.dropped.Add(1)
	return len(p), nil
}

// Dropped is the number of writes that were dropped.
func (s *Sink) Dropped() uint64 { return s.dropped.Load() }

// Fd is the file descriptor behind the sink; one that no file has if there is none.
func (s *Sink) Fd() uintptr {
	if f, ok := s.w.(interface{ Fd() uintptr }); ok {
		return f.Fd()
	}
	return ^uintptr(0)
}

// Settle returns when all that is queued is written, and after wait at the latest. It does not wait
// for a reader that kept it waiting before and has taken nothing since.
func (s *Sink) Settle(wait time.Duration) {
	if s.waiting.Load() == 0 || s.stuck.Load() {
		return
	}
	written, late := make(chan struct{}), time.NewTimer(wait)
	defer late.Stop()
	for asks := s.settle; ; asks = nil { // it is asked once
		select {
		case asks <- written:
		case <-written:
			return
		case <-s.ended:
			return
		case <-late.C:
			s.stuck.Store(true)
			return
		}
	}
}

// Close writes what is queued, and returns after wait at the latest. What is written to the
// sink after that can get lost. Calling it again waits again.
func (s *Sink) Close(wait time.Duration) {
	s.close()
	select {
	case <-s.ended:
	case <-time.After(wait):
	}
}

func (s *Sink) run() {
	defer close(s.ended)
	for {
		select {
		case first := <-s.queue:
			s.write(first)
			continue
		default: // what is queued goes before the end
		}
		select {
		case first := <-s.queue:
			s.write(first)
		case written := <-s.settle:
			for len(s.queue) > 0 {
				s.write(<-s.queue)
			}
			close(written)
		case <-s.closing.Done():
			if len(s.queue) == 0 {
				s.tell()
				return
			}
		}
	}
}

// write writes a queued write, with those behind it that fit into a batch.
func (s *Sink) write(batch []byte) {
	writes := uint64(1)
	for len(s.queue) > 0 && len(batch) < sinkBatch { // this goroutine alone takes from it
		batch = append(batch, <-s.queue...)
		writes++
	}
	_, err := s.w.Write(batch)
	s.waiting.Add(-int64(len(batch)))
	if err != nil {
		s.dropped.Add(writes)
		return
	}
	s.stuck.Store(false)
	if len(s.queue) == 0 || time.Since(s.toldAt) >= tellAtMost {
		s.tell()
	}
}

func (s *Sink) tell() {
	if n := s.dropped.Load() - s.told; n > 0 {
		(*s.notice.Load())(n)
		s.told += n
		s.toldAt = time.Now()
	}
}
