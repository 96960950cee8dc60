package serve

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// heapFloor is how large the heap may get before it is collected, however little of it is live.
// Go's own floor is 4 MiB. A server that takes in half a million events a second passes that 30
// times a second, and spends a third of its CPU on collections that find nothing to keep. Much
// more than this leaves the processor's cache, and is slower again.
const heapFloor = 16 << 20

// Go collects when the heap has grown by this much of what is live, in percent, unless told
// otherwise; and never below 4 MiB times the same percentage.
const (
	goPercent = 100
	goFloor   = 4 << 20
)

// raiseHeapFloor keeps Go's collector from running below heapFloor, for as long as the process
// lives. It reports whether it does: where the operator has set GOGC, that holds.
func raiseHeapFloor() bool {
	if os.Getenv("GOGC") != "" {
		return false
	}
	afterEachCollection(goPercent)
	return true
}

// afterEachCollection adapts the percentage to what the collection found to be live.
func afterEachCollection(now int) {
	if next := percentFor(live()); next != now {
		debug.SetGCPercent(next)
		now = next
	}
	runtime.AddCleanup(new(sentinel), afterEachCollection, now)
}

// sentinel is garbage that tells of the next collection.
type sentinel struct{ _ *byte } // a pointer, so that it is not allocated together with others

// live returns what the last collection found to be live, and what Go counts besides: stacks
// and global variables.
func live() (heap, roots uint64) {
	s := []metrics.Sample{
		{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}, {Name: "/gc/scan/globals:bytes"},
	}
	metrics.Read(s)
	return s[0].Value.Uint64(), s[1].Value.Uint64() + s[2].Value.Uint64()
}

// percentFor returns the GOGC with which the heap is collected at heapFloor, or at twice what
// is live if that is more. It is a multiple of 20, because a change stops all goroutines.
func percentFor(heap, roots uint64) int {
	const step, most = 20, goPercent * heapFloor / goFloor
	if heap >= heapFloor/2 {
		return goPercent
	}
	percent := 100 * (heapFloor - heap) / max(heap+roots, 1)
	return int(min(max(percent/step*step, goPercent), most))
}
