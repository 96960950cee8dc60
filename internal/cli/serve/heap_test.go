package serve

import (
	"runtime"
	"runtime/metrics"
	"testing"
)

func TestPercentFor(t *testing.T) {
	t.Parallel()
	const mib = 1 << 20
	for _, tt := range []struct {
		heap, roots uint64
		want        int
	}{
		{0, 0, 400}, // more would raise Go's floor above ours
		{mib, mib / 2, 400},
		{3 * mib, 0, 400},
		{4 * mib, 0, 300},
		{4 * mib, 2 * mib, 200},
		{6 * mib, 4 * mib, 100},
		{8 * mib, 0, 100},
		{1 << 40, 1 << 30, 100},
	} {
		if got := percentFor(tt.heap, tt.roots); got != tt.want {
			t.Errorf("%d and %d KiB: %d %%, want %d", tt.heap>>10, tt.roots>>10, got, tt.want)
		}
	}
}

// The percentage follows what is live, again and again.
func TestHeapFloor(t *testing.T) {
	t.Setenv("GOGC", "")
	raiseHeapFloor()
	reaches := func(when string, good func(percent uint64) bool) {
		t.Helper()
		sample := []metrics.Sample{{Name: "/gc/gogc:percent"}}
		for range 1000 {
			runtime.GC()
			if metrics.Read(sample); good(sample[0].Value.Uint64()) {
				return
			}
		}
		t.Errorf("%s: GOGC stays %d", when, sample[0].Value.Uint64())
	}
	small := func(percent uint64) bool { return percent > 2*goPercent }
	reaches("with little live", small)
	held := make([]byte, 4*heapFloor)
	reaches("with much live", func(percent uint64) bool { return percent == goPercent })
	runtime.KeepAlive(held)
	reaches("with little live again", small)
}

func TestHeapFloorLeavesGOGC(t *testing.T) {
	t.Setenv("GOGC", "50")
	if raiseHeapFloor() {
		t.Error("raised although GOGC is set")
	}
}
