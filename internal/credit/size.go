package credit

import "time"

// Path notes the round trip to the next hop, after the first answer. A first answer that took
// longer may have come from far away, or only late from a busy reader: so the path alone decides
// what a new reader is trusted with. Behind a proxy that is the distance to the proxy, and the
// window has to grow from there.
func (w *Window) Path(rtt time.Duration) {
	if !w.slow && !w.proven {
		w.size = min(w.size, startSize(rtt))
	}
}

// Tighten keeps the window small until it has to be larger: from now on it grows only while much of
// it is in use. Without that it grows until marks are few. So a reader that stops has less old to
// read later, and answers more marks until then.
func (w *Window) Tighten() { w.tight = true }

// mayGrow reports whether the window may grow because a mark was answered in time.
func (w *Window) mayGrow() bool { return !w.tight || w.waiting || w.Outstanding() >= w.Size()/4 }

// measure learns from an answer how fast a slow reader takes. Only the time in which it had
// something to read counts.
func (w *Window) measure(at time.Duration) {
	if d := at - w.watch.fromAt; w.watch.fromAt >= 0 && d > 0 {
		rate := float64(w.acked-w.watch.from) / d.Seconds()
		weight := float64(d) / float64(d+goodputMemory)
		if w.watch.goodput == 0 {
			weight = 1
		}
		w.watch.goodput += weight * (rate - w.watch.goodput)
		w.watch.from, w.watch.fromAt = w.acked, at
	}
	if len(w.watch.marks) == 0 {
		w.watch.fromAt = -1
	}
	w.size = int32(min(max(w.watch.goodput*(w.minRTT+w.maxAge/2).Seconds(), MinWindow), MaxWindow))
}

// startSize is the window of a reader of whom only the round trip is known.
func startSize(rtt time.Duration) int32 {
	return int32(min(max(StartWindow, startRate*rtt.Seconds()), maxStart))
}
