package bench

import (
	"bytes"
	"testing"
	"time"

	"backbone/internal/load"
)

func TestTheProgressTellsWhatHappenedSinceItsLastLine(t *testing.T) {
	p := &progress{consumers: 2000, whole: 6 * time.Second}
	ms := 1.25
	for _, c := range []struct {
		now  load.Progress
		want string
	}{
		{load.Progress{At: time.Second, Arrived: 1000}, "connecting: 1,000 of 2,000 consumers"},
		{load.Progress{State: load.WarmingUp, At: 2 * time.Second, Sent: 100, Delivered: 4000}, "warming up  50 events/s  2,000 deliveries/s"},
		{
			load.Progress{State: load.Measuring, At: 3 * time.Second, Left: 1500 * time.Millisecond, Sent: 300, Delivered: 5000, Latency: load.Percentiles{Count: 1, P50: &ms, P99: &ms}},
			"█████░░  1.5 s left  200 events/s  1,000 deliveries/s  p50 1.25 ms  p99 1.25 ms",
		},
		{
			load.Progress{State: load.Draining, At: 4 * time.Second, Sent: 300, Delivered: 5000, Conflated: 1200, Wrong: 3},
			"waiting for what is on its way  0 events/s  0 deliveries/s  1,200 conflated  3 WRONG",
		},
	} {
		if got := p.line(c.now, 79); got != c.want {
			t.Errorf("%+v:\n got %q\nwant %q", c.now, got, c.want)
		}
	}
	var shown bytes.Buffer
	p.terminal = &shown
	p.show(load.Progress{Arrived: 1})
	p.clear()
	if want := "\r\x1b[Kconnecting: 1 of 2,000 consumers\r\x1b[K"; shown.String() != want {
		t.Errorf("shown %q, want %q", &shown, want)
	}
}
