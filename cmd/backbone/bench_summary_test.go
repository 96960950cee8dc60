package main

import (
	"strings"
	"testing"
)

func TestADisconnectedSlowConsumerIsExplained(t *testing.T) {
	b := &benchRun{benchCmd: &benchCmd{Rate: 1}}
	for disconnects, want := range map[int]int{0: 0, 3: 1} {
		r := &benchResult{Machine: benchMachine{Cores: 1}, Delivery: deliveryResult{SlowDisconnects: disconnects}}
		b.note(r)
		if len(r.Notes) != want || want > 0 && !strings.Contains(r.Notes[0], "--slow-rate") {
			t.Errorf("%d disconnects: %q", disconnects, r.Notes)
		}
	}
}
