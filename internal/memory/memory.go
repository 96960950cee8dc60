// Package memory watches how much memory the process needs, so that it can refuse newcomers before
// the system ends it.
package memory

import (
	"context"
	"log/slog"
	"math"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
	"time"
)

// Shares of the limit.
const (
	forRuntime = 90 // percent up to which the runtime may let garbage lie: the rest is for what it does not count
	shedAt     = 80 // percent of need from which newcomers are refused
	takeAt     = 70 // percent below which they are let in again
	lookEvery  = 100 * time.Millisecond
)

// Limit is a bound on the memory of this process. Its methods are safe for concurrent use by
// multiple goroutines. A nil Limit is none.
type Limit struct {
	// Immutable after New.
	bytes int64
	need  func() int64
	log   *slog.Logger

	short atomic.Bool  // written by Run
	used  atomic.Int64 // written by Run
}

// New returns a limit of so many bytes; 0: nil. Unless the variable GOMEMLIMIT has said otherwise, the
// garbage collector works harder near the limit from then on.
func New(bytes int64, log *slog.Logger) *Limit {
	if bytes == 0 {
		return nil
	}
	if debug.SetMemoryLimit(-1) == math.MaxInt64 {
		debug.SetMemoryLimit(bytes / 100 * forRuntime)
	}
	return &Limit{bytes: bytes, need: needed, log: log}
}

// Run looks at the memory until ctx ends.
func (l *Limit) Run(ctx context.Context) {
	if l == nil {
		return
	}
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		l.look()
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

func (l *Limit) look() {
	need := l.need()
	l.used.Store(need)
	switch share := float64(need) / float64(l.bytes) * 100; {
	case share >= shedAt && !l.short.Load():
		l.short.Store(true)
		l.log.Warn("memory is short: new connections are refused; raise --memory-limit, or spread the clients", "needed", need, "limit", l.bytes)
	case share < takeAt && l.short.Load():
		l.short.Store(false)
		l.log.Info("memory suffices again: new connections are let in", "needed", need, "limit", l.bytes)
	}
}

// Short reports whether newcomers are to be refused.
func (l *Limit) Short() bool { return l != nil && l.short.Load() }

// Used is the memory that is needed, in bytes; 0 without a limit.
func (l *Limit) Used() int64 {
	if l == nil {
		return 0
	}
	return l.used.Load()
}

// needed is what lives: what the last garbage collection left on the heap, stacks, and what the
// runtime needs itself. Garbage is not part of it, because it goes when memory is short.
func needed() int64 {
	samples := []metrics.Sample{
		{Name: "/gc/heap/live:bytes"},
		{Name: "/memory/classes/heap/stacks:bytes"},
		{Name: "/memory/classes/os-stacks:bytes"},
		{Name: "/memory/classes/metadata/mcache/inuse:bytes"},
		{Name: "/memory/classes/metadata/mspan/inuse:bytes"},
		{Name: "/memory/classes/metadata/other:bytes"},
		{Name: "/memory/classes/other:bytes"},
	}
	metrics.Read(samples)
	n := int64(0)
	for _, s := range samples {
		n += int64(s.Value.Uint64())
	}
	return n
}
