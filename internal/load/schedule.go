package load

import "time"

// schedule says when events are due: in bursts, at an even rate, even if they are sent late.
// Latency counts from the moment an event was due (an open loop), so that a server does not
// look better by slowing its producer down (Tene, "How NOT to Measure Latency", 2013).
type schedule struct {
	rate  float64 // events a second, above 0
	burst int
}

// due is when burst i is, from the begin.
func (s schedule) due(i int) time.Duration {
	const never = 1 << 62 // half of what a duration holds
	return time.Duration(min(float64(i)*float64(s.burst)/s.rate*float64(time.Second), never))
}

// bursts is the number of bursts that are due before end.
func (s schedule) bursts(end time.Duration) int {
	n := int(end.Seconds() * s.rate / float64(s.burst))
	for s.due(n) < end { // rounding may have cost one
		n++
	}
	for n > 0 && s.due(n-1) >= end {
		n--
	}
	return n
}
