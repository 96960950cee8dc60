package load

import (
	"testing"
	"time"
)

func TestAScheduleKeepsItsRate(t *testing.T) {
	for _, rate := range []float64{1e-5, 0.5, 1e9} {
		for _, burst := range []int{1, 100_000} {
			s := schedule{rate: rate, burst: burst}
			if s.due(0) != 0 || s.due(1) <= 0 {
				t.Errorf("bursts of %d at %v/s are due at %v and %v", burst, rate, s.due(0), s.due(1))
			}
		}
	}
	s := schedule{rate: 100, burst: 10}
	for end, want := range map[time.Duration]int{0: 0, time.Millisecond: 1, 100 * time.Millisecond: 1, 101 * time.Millisecond: 2, time.Second: 10} {
		if got := s.bursts(end); got != want {
			t.Errorf("%d bursts before %v, want %d", got, end, want)
		}
	}
}
