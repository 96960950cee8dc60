package simtest

import (
	"flag"
	"runtime"
	"sync/atomic"
	"testing"
)

var (
	from  = flag.Uint64("from", 1, "first seed")
	seeds = flag.Int("seeds", defaultSeeds, "how many seeds")
)

// TestSeeds runs the simulation for many seeds.
func TestSeeds(t *testing.T) {
	var next, failed atomic.Uint64
	next.Store(*from)
	end := *from + uint64(*seeds)
	for range runtime.GOMAXPROCS(0) {
		t.Run("worker", func(t *testing.T) {
			t.Parallel()
			for seed := next.Add(1) - 1; seed < end && failed.Load() < 3; seed = next.Add(1) - 1 {
				if !simulate(t, seed) {
					failed.Add(1)
				}
			}
		})
	}
}

// TestRegressions keeps the seeds that once showed a fault.
func TestRegressions(t *testing.T) {
	for _, r := range regressions {
		t.Run(r.what, func(t *testing.T) { simulate(t, r.seed) })
	}
}

// regressions are seeds and what they showed.
var regressions = []struct {
	seed uint64
	what string
}{
	{2678, "a newer value did not reach a member that ingest had not counted in yet"},
	{5903, "the same, past the value's lifetime"},
}

func simulate(t *testing.T, seed uint64) bool {
	w := newWorld(seed)
	w.run()
	if len(w.problems) > 0 {
		t.Errorf("%s", w.report())
		return false
	}
	return true
}

// TestReplay makes sure that a seed that fails can be looked at again.
func TestReplay(t *testing.T) {
	for seed := range uint64(10) {
		a, b := newWorld(seed), newWorld(seed)
		a.run()
		b.run()
		if a.digest() != b.digest() {
			t.Errorf("two runs of seed %d differ", seed)
		}
	}
}
