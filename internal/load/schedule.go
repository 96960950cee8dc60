package load

import "time"

// schedule says when events are due: in bursts, at an even rate, whatever becomes of
// them. A publisher that is late stays measured against it (an open loop): the time that
// an event waits to be sent counts, and a server that slows its producer down does not
// look better for it (Tene, "How NOT to Measure Latency", 2013).
type schedule struct {
	rate  float64 // events a second, above 0
	burst int
}

// due is when burst i is, from the begin.
func (s schedule) due(i int) time.Duration {
	const never = 1 << 62 // half of what a duration holds
	return time.Duration(min(float64(i)*float64(s.burst)/s.rate*float64(time.Second), never))
}

// bursts is the number of those that are due before end.
func (s schedule) bursts(end time.Duration) int {
	n := int(end.Seconds() * s.rate / float64(s.burst))
	for s.due(n) < end { // whatever rounding did
		n++
	}
	for n > 0 && s.due(n-1) >= end {
		n--
	}
	return n
}
