package chaos

import (
	"flag"
	"testing"
	"time"

	"go.uber.org/goleak"

	"backbone/internal/redistest"
)

var (
	seed   = flag.Uint64("seed", 0, "of the faults and ticks; 0: a new one")
	rounds = flag.Int("rounds", 0, "how many rounds with each kind of Redis; 0: a few")
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, redistest.ProxyLeaks()) }

// settings are the worlds that are played.
func settings() []setting {
	return []setting{
		{"single", startSingle, 30 * time.Second, []step{
			{faults: []string{"redis killed, back empty", "instance killed"}, hold: time.Second},
			{faults: []string{"redis frozen, then killed, back empty"}, hold: 10 * time.Millisecond},
			{faults: []string{"one instance half-open"}, hold: time.Second},
		}},
		{"short TTL", startSingle, 3 * time.Second, []step{
			{faults: []string{"one instance cut off"}, hold: 300 * time.Millisecond, silent: 3300 * time.Millisecond},
			{faults: []string{"redis frozen"}, hold: 300 * time.Millisecond, early: true},
		}},
		{"sentinel", startSentinel, 30 * time.Second, []step{
			{faults: []string{"sentinel: master frozen, replica promoted, thawed as master"}, hold: 10 * time.Millisecond},
		}},
		{"cluster", startCluster, 3 * time.Second, []step{
			{faults: []string{"cluster: master killed, replica promoted", "instance killed"}, hold: 100 * time.Millisecond},
		}},
	}
}

// TestChaos plays a few rounds with each kind of Redis, or as many as are asked for.
func TestChaos(t *testing.T) {
	chosen := *seed
	if chosen == 0 {
		chosen = uint64(time.Now().UnixNano()) % 1_000_000
	}
	t.Logf("seed %d", chosen)
	path := build(t)
	for _, s := range settings() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, path, chosen, s)
			steps := s.short
			if *rounds > 0 {
				steps = w.deal(*rounds)
			}
			w.play(step{hold: 300 * time.Millisecond}) // all hold something from then on
			for _, s := range steps {
				w.play(s)
			}
		})
	}
}
