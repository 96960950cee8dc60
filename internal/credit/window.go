package credit

import "time"

// Sizes of a window in bytes.
const (
	MinWindow   = 2 << 10
	StartWindow = 64 << 10 // until the round trip is known, and of a reader that is near
	MaxWindow   = 4 << 20

	startRate  = 5 << 20 // bytes a second that a distant reader is trusted with at first
	maxStart   = 1 << 20
	minSpacing = 1 << 10 // bytes between two marks of a slow reader
)

// MaxStep is the longest time between two calls that counts. A process that was stopped, or that
// got no processor, was not waiting for its reader. Who waits for an answer calls Tick more often.
const MaxStep = 50 * time.Millisecond

const (
	growEvery     = 2 * time.Second        // marks that come less often do not make the window grow
	recoverAfter  = time.Second            // without refusing anything, before a slow reader is trusted again
	probeEvery    = time.Second            // that an idle reader is asked whether it is still slow
	trickleEvery  = time.Second            // that a reader gets something although it answers nothing
	firstAnswer   = time.Second            // that the first mark may take in addition
	goodputMemory = 600 * time.Millisecond // of the average of what a slow reader takes
	maxMarks      = 64                     // under way that are remembered
)

// Window is the account of one stream. Only the goroutine that writes the stream uses it. Times
// are by one clock; a call must not be earlier than the one before. It is small while nothing is
// under way, since that is how most connections are most of the time.
type Window struct {
	slow    bool  // the reader was found to be slow
	proven  bool  // a mark behind more than a few bytes was answered in time
	waiting bool  // something was refused and has not been sent yet
	tight   bool  // it grows only while much of it is in use
	size    int32 // bytes that may be under way

	maxAge      time.Duration
	sent, acked uint64        // bytes of the stream: all, and those that the reader has answered for
	count       uint64        // marks so far
	marked      uint64        // bytes of the stream up to the newest mark
	markAt      time.Duration // when the newest mark was sent
	minRTT      time.Duration // of all marks; negative: none was answered yet
	watch       *watch        // nil: nothing is under way, and the reader is not slow
}

// New returns the window of a new stream whose reader is to get nothing older than maxAge, as far
// as that depends on the writer.
func New(maxAge time.Duration) Window {
	return Window{maxAge: maxAge, size: StartWindow, minRTT: -1}
}

// Slow reports whether the reader was found to be slow.
func (w *Window) Slow() bool { return w.slow }

// Size is how many bytes may be under way.
func (w *Window) Size() int { return int(w.size) }

// Outstanding is how many bytes are under way, as far as is known.
func (w *Window) Outstanding() int { return int(w.sent - w.acked) }

// Room is how many more bytes may be sent now. The window is shut if there are none.
func (w *Window) Room() int { return w.Size() - w.Outstanding() }

// Answered reports whether any mark was answered.
func (w *Window) Answered() bool { return w.minRTT >= 0 }

// Watched reports whether Tick has to be called every MaxStep at least. A slow reader that has
// not answered is not watched while nothing waits for it: its answer is noticed without that.
func (w *Window) Watched() bool {
	return w.watch != nil && (w.waiting || w.slow == (len(w.watch.marks) == 0))
}

// Sent notes that n more bytes of the stream were sent.
func (w *Window) Sent(n int) { w.sent += uint64(n) }

// MarkDue reports whether a mark has to follow the next n bytes.
func (w *Window) MarkDue(n int) bool {
	since := int(w.sent-w.marked) + n
	switch {
	case w.slow && len(w.watch.marks) == 0 && w.late(w.watch.lastRTT) && w.watch.clock-w.markAt >= probeEvery:
		return true // whether it keeps up again
	case since == 0:
		return false
	case w.count == 0: // the first one tells the round trip
		return true
	case w.Outstanding()+n >= w.Size(): // only an answer can open the window again
		return true
	case w.slow:
		return since >= max(w.Size()/4, minSpacing)
	case !w.proven:
		return since >= StartWindow/2
	default:
		return since >= w.Size()/2
	}
}

// NextMark is the number of the next mark.
func (w *Window) NextMark() uint64 { return w.count + 1 }

// Mark notes the next mark, which ends n bytes behind what was sent before.
func (w *Window) Mark(n int, now time.Duration) {
	w.pass(now)
	w.count++
	covers := int(w.sent-w.marked) + n
	w.marked = w.sent + uint64(n)
	if len(w.watch.marks) == maxMarks {
		w.watch.marks = append(w.watch.marks[:0], w.watch.marks[1:]...)
	}
	w.watch.marks = append(w.watch.marks, mark{number: w.count, end: w.marked, at: now, awake: w.watch.awake, after: now - w.markAt, covers: covers})
	w.markAt = now
	if w.slow && w.watch.fromAt < 0 {
		w.watch.from, w.watch.fromAt = w.acked, now+w.minRTT
	}
}

// Answer notes that the reader answered a mark at that time, and with it all marks before. It
// returns the age that what came right before the mark had when it was read. It reports false if
// no such mark is under way.
func (w *Window) Answer(number uint64, at, now time.Duration) (age time.Duration, ok bool) {
	if w.watch == nil {
		return 0, false
	}
	w.pass(now)
	i := 0
	for i < len(w.watch.marks) && w.watch.marks[i].number < number {
		i++
	}
	if i == len(w.watch.marks) || w.watch.marks[i].number != number {
		return 0, false
	}
	m := w.watch.marks[i]
	w.watch.marks = append(w.watch.marks[:0], w.watch.marks[i+1:]...)
	w.watch.heard = w.watch.awake
	w.watch.lastRTT = max(at-m.at, 0)
	first := !w.Answered()
	if first || w.watch.lastRTT < w.minRTT {
		w.minRTT = w.watch.lastRTT
	}
	w.acked = m.end
	switch {
	case w.slow:
		w.measure(at)
	case first:
		w.size = startSize(w.minRTT)
	case !w.late(w.watch.lastRTT):
		w.proven = true
		if m.after < growEvery && m.covers >= w.Size()/4 && w.mayGrow() {
			w.size = min(2*w.size, MaxWindow)
		}
	case w.watch.lastRTT < w.minRTT+w.maxAge*2/5 && m.after < growEvery && m.covers >= w.Size()/4 && w.mayGrow():
		w.size = min(w.size+w.size/4, MaxWindow) // late, but still well before it counts as slow
	}
	age = max(w.watch.lastRTT-w.minRTT/2, 0)
	w.rest()
	return age, true
}

// Refuse notes that n batches wait because the window is shut.
func (w *Window) Refuse(n int, now time.Duration) {
	w.pass(now)
	w.watch.refused = w.watch.awake
	if !w.waiting {
		w.waiting, w.watch.waitSince, w.watch.waitCount = true, w.watch.awake, n
	}
}

// Took notes that n of the batches that waited were sent, and that left still wait.
func (w *Window) Took(n, left int, now time.Duration) {
	if !w.waiting {
		return
	}
	w.pass(now)
	w.watch.waitCount -= n
	switch {
	case left == 0:
		w.waiting = false
		w.rest()
	case w.watch.waitCount <= 0: // those that came first are gone
		w.watch.waitSince, w.watch.waitCount = w.watch.awake, left
	}
}

// Old reports whether what waits has to be conflated. A reader that was measured to be slow gets
// half of the age for what waits and half for what is under way. One that has only stopped
// answering may still catch up, until it is behind by the whole age.
func (w *Window) Old() bool {
	if !w.waiting {
		return false
	}
	waited := w.watch.awake - w.watch.waitSince
	if w.slow && w.watch.goodput > 0 {
		return waited > w.maxAge/2
	}
	return waited > w.maxAge || waited > w.maxAge/2 && w.Unanswered() > w.maxAge
}

// Trickle reports whether the reader has to get something although the window is shut: it has
// answered nothing and got nothing for a while. It is asked before each such thing.
func (w *Window) Trickle(now time.Duration) bool {
	w.pass(now)
	if w.watch.awake-w.watch.heard < trickleEvery {
		return false
	}
	w.watch.heard = w.watch.awake
	return true
}

// Unanswered is for how long the oldest mark has been under way.
func (w *Window) Unanswered() time.Duration {
	if w.watch == nil || len(w.watch.marks) == 0 {
		return 0
	}
	return w.watch.awake - w.watch.marks[0].awake
}

// Age is how old that is which the reader has not answered for, at least.
func (w *Window) Age() time.Duration { return max(w.Unanswered()-max(w.minRTT, 0)/2, 0) }

// Tick finds out whether the reader has become slow, or keeps up again.
func (w *Window) Tick(now time.Duration) {
	if w.watch == nil {
		return
	}
	w.pass(now)
	overdue := w.Unanswered() > max(w.minRTT, 0)+w.patience()
	switch {
	case !w.slow && overdue:
		w.slow, w.watch.goodput, w.size = true, 0, MinWindow
		w.watch.from, w.watch.fromAt = w.acked, w.watch.marks[0].at+max(w.minRTT, 0)
		w.watch.refused = w.watch.awake
	case w.slow && !overdue && !w.waiting && w.watch.awake-w.watch.refused > recoverAfter && !w.late(w.watch.lastRTT):
		w.slow = false
		w.size = max(w.size, startSize(w.minRTT))
		w.rest()
	}
}

// late reports whether an answer that took rtt is that of a reader that falls behind.
func (w *Window) late(rtt time.Duration) bool { return rtt > w.minRTT+w.maxAge/4 }

// patience is how much longer than the round trip an answer may take.
func (w *Window) patience() time.Duration {
	if !w.Answered() {
		return firstAnswer
	}
	return w.maxAge / 2
}

// pass lets time pass.
func (w *Window) pass(now time.Duration) {
	if w.watch == nil {
		w.watch = &watch{clock: now, fromAt: -1}
	}
	w.watch.awake += min(max(now-w.watch.clock, 0), MaxStep)
	w.watch.clock = now
}

// rest forgets what is known only while the window is watched, if it need not be watched now.
func (w *Window) rest() {
	if len(w.watch.marks) == 0 && !w.slow && !w.waiting {
		w.watch = nil
	}
}
