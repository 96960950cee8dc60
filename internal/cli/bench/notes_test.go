package bench

import (
	"strings"
	"testing"
	"time"

	"backbone/internal/load"
)

func TestADisconnectedSlowConsumerIsExplained(t *testing.T) {
	for disconnects, want := range map[int]int{0: 0, 3: 1} {
		r := &load.Result{
			Settings: load.Settings{Rate: 1}, Machine: load.Machine{Cores: 1}, Delivery: load.Delivery{SlowDisconnects: disconnects},
		}
		got := notes(r, time.Second)
		if len(got) != want || want > 0 && !strings.Contains(got[0], "--slow-rate") {
			t.Errorf("%d disconnects: %q", disconnects, got)
		}
	}
}
