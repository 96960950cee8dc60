package transport

import (
	"encoding/binary"
	"sync/atomic"
	"time"

	"backbone/internal/credit"
	"backbone/internal/frame"
	"backbone/internal/hub"
	"backbone/protocol"
)

// tickEvery is how often a write side looks at its window while that has to be watched.
const tickEvery = credit.MaxStep / 2

// trickleBytes is what a reader that answers nothing gets each second. It is less than the slowest reader
// takes, so that what is under way to that becomes less.
const trickleBytes = 256

// freshness keeps what a consumer reads from growing old on the way: see credit.Window. The marks
// are WebSocket pings or, where the client asked for them, messages.
type freshness struct {
	// Safe for concurrent use by multiple goroutines.
	answered atomic.Pointer[answer] // read side -> write side: the newest answer; nil: none since the last
	frames   atomic.Uint32          // from the client; counted by the read side
	messages atomic.Bool            // marks are messages; set by the read side
	open     atomic.Uint32          // marks that were sent and not answered; the write side adds, the read side subtracts

	// Owned as the write side is.
	before     uint32 // frames of the client when the first mark had waited for half of the pong time-out
	conflating bool   // the hub keeps only newest values for this client
	refusing   bool   // counted as shut
	off        bool   // something eats the pings, so that nothing is bounded

	watched bool   // owned by the writer: in its list
	newest  uint32 // owned by the read side: number of the newest answer, its last 32 bits
	alarm   *alarm // immutable; nil: the writer watches

	// Owned as the write side is.
	window  credit.Window
	age     uint32        // that the newest answer told, once there was one; milliseconds
	told    uint32        // when server.oldest was told of it last; seconds of the server
	folding chan struct{} // the hub is conflating the queue, and closes this; nil: it is not
}

// alarm wakes a WritePump that has no writer.
type alarm struct {
	answer chan struct{} // read side -> WritePump: there is an answer
	tick   *time.Timer
}

func newFreshness(maxAge time.Duration, pump bool) *freshness {
	f := &freshness{window: credit.New(maxAge)}
	if pump {
		f.alarm = &alarm{make(chan struct{}, 1), time.NewTimer(time.Hour)}
	}
	return f
}

// now is the time that windows count in.
func (s *Server) now() time.Duration { return time.Since(s.begin) }

// bound is what bounds what is under way; nil: nothing does.
func (w *writeSide) bound() *freshness {
	if f := w.fresh; f != nil && !f.off {
		return f
	}
	return nil
}

// hear takes the newest answer, and what the hub says about the queue.
func (w *writeSide) hear() {
	f := w.bound()
	if f.answered.Load() != nil {
		a, first := f.answered.Swap(nil), !f.window.Answered()
		if age, ok := f.window.Answer(a.number, a.at, w.conn.server.now()); ok {
			f.age = uint32(age.Milliseconds())
			w.conn.server.stats.age.Observe(age)
			w.tellAge(age)
			if first && f.window.Size() > credit.StartWindow {
				if path, known := flowOf(w.conn.socket.Conn); known {
					f.window.Path(path.minRTT)
				}
			}
		}
	}
	if f.folding == nil {
		return
	}
	select {
	case <-f.folding:
		f.folding, f.conflating = nil, true
		f.window.Took(0, 0, w.conn.server.now())
		switch {
		case w.phase == over:
		case w.draining:
			w.phase = behind
		default:
			w.phase = live // a Behind follows if anything waits
		}
	default:
	}
}

// shut reports whether nothing may be taken from the queue now. While the hub keeps only newest
// values, the queue has nothing but signals and what was pulled.
func (w *writeSide) shut() bool {
	f := w.bound()
	switch {
	case f == nil || w.draining:
		return false
	case f.folding != nil:
		return true
	}
	return !f.conflating && w.phase != pulling && f.window.Room() <= 0
}

// refuse notes that the window is shut while something waits.
func (w *writeSide) refuse() {
	f := w.fresh
	f.window.Refuse(len(w.conn.client.Queue()), w.conn.server.now())
	w.setRefusing(true)
}

// setRefusing counts the connection as one whose window is shut.
func (w *writeSide) setRefusing(now bool) {
	if f := w.fresh; f.refusing != now {
		f.refusing = now
		if now {
			w.conn.server.stats.shut.add(1)
		} else {
			w.conn.server.stats.shut.add(-1)
		}
	}
}

// tick looks at the window after a while.
func (w *writeSide) tick() need {
	if w.bound() != nil && w.phase != over && len(w.unwritten) == 0 {
		w.hear()
		w.judge()
		if f := w.bound(); f != nil && f.window.MarkDue(0) {
			w.send(w.mark(nil))
		}
	}
	return w.step()
}

// mustLook reports whether a write that waits has to look after the window: something may grow old
// in the queue.
func (w *writeSide) mustLook() bool {
	f := w.bound()
	return f != nil && w.phase != over && !w.draining && !f.conflating
}

// lookMeanwhile looks after the window during a write that waits. What waits behind it grows old as
// behind a shut window.
func (w *writeSide) lookMeanwhile() {
	f := w.bound()
	if f == nil || w.phase == over || w.draining {
		return
	}
	w.hear()
	if len(w.conn.client.Queue()) > 0 && f.folding == nil && !f.conflating {
		w.refuse()
	}
	w.judge()
}

// judge finds out whether the reader is slow, and whether it answers pings at all.
func (w *writeSide) judge() {
	f, s := w.bound(), w.conn.server
	slow := f.window.Slow()
	f.window.Tick(s.now())
	w.tellAge(f.window.Age())
	if f.window.Slow() != slow {
		s.log.Debug("reader turned slow or keeps up again", "address", w.conn.RemoteAddr(), "slow", !slow,
			"outstanding", f.window.Outstanding(), "window", f.window.Size())
	}
	switch silent := f.window.Unanswered(); {
	case f.window.Answered(), f.messages.Load(), f.folding != nil:
	case silent < s.opts.Limits.PongTimeout/2:
		f.before = f.frames.Load()
	case silent >= s.opts.Limits.PongTimeout && f.frames.Load() > f.before:
		w.marksOff()
		return
	}
	if f.window.Old() && f.folding == nil && !f.conflating && w.phase != pulling {
		done := make(chan struct{})
		if s.opts.Hub.TryConflate(&w.conn.client, done) {
			f.folding = done
		}
	}
}

// marksOff gives up on marks: the client lives, but something on the way eats the pings.
func (w *writeSide) marksOff() {
	w.setRefusing(false)
	w.conn.server.stats.marksOff.add(1)
	w.conn.server.log.Debug("a client answers no ping: what it reads may be old", "address", w.conn.RemoteAddr())
	w.fresh.off = true
}

// mark adds a mark to data, which is the next to be sent. The first one comes before the data: a
// client that waits for a reply reads no further.
func (w *writeSide) mark(data []byte) []byte {
	f := w.fresh
	number := f.window.NextMark()
	if number == 1 && len(data) > 0 {
		return append(w.mark(nil), data...)
	}
	f.open.Add(1) // before anybody can answer it
	if f.messages.Load() {
		f.window.Tighten()
		m := protocol.ServerMessage{Type: protocol.TypeMark, N: number}
		if f.window.Answered() {
			ms := int64(f.age)
			m.AgeMS = &ms
		}
		data = Frame(data, string(m.Append(nil)))
	} else {
		data = frame.AppendHeader(data, frame.Ping, 8)
		data = binary.BigEndian.AppendUint64(data, number)
	}
	f.window.Mark(len(data), w.conn.server.now())
	return data
}

// most is how many bytes are joined for one write.
func (w *writeSide) most() int {
	f := w.bound()
	if f == nil || w.draining {
		return hub.MaxWrite
	}
	return min(hub.MaxWrite, f.window.Room())
}

// took notes that n batches were taken from the queue.
func (w *writeSide) took(n int) {
	f := w.bound()
	if f == nil || !f.refusing {
		return
	}
	left := len(w.conn.client.Queue())
	if w.phase == behind {
		left++
	}
	f.window.Took(n, left, w.conn.server.now())
	w.setRefusing(left > 0)
}

// markDue reports whether a mark has to follow the next n bytes.
func (w *writeSide) markDue(n int) bool {
	f := w.bound()
	return f != nil && f.window.MarkDue(n)
}

// want is what to pull.
func (w *writeSide) want() hub.Want {
	f := w.bound()
	if f == nil {
		return hub.Want{}
	}
	if f.conflating && !f.window.Slow() {
		f.conflating = false
	}
	if w.draining {
		return hub.Want{Slow: f.conflating}
	}
	room := f.window.Room()
	if room <= 0 {
		room = trickleBytes
	}
	return hub.Want{Limit: room, Slow: f.conflating, Longest: f.window.Size()}
}

// mustPull reports whether the hub has to be told that the reader keeps up again.
func (w *writeSide) mustPull() bool {
	f := w.bound()
	return f != nil && f.conflating && !f.window.Slow()
}

// mayPull reports whether the window has room for more, or has had none for too long.
func (w *writeSide) mayPull() bool {
	f := w.bound()
	switch {
	case f == nil:
		return true
	case f.folding != nil:
		return false
	case w.draining, f.window.Room() > 0:
		return true
	}
	if f.conflating && f.window.Trickle(w.conn.server.now()) {
		return true
	}
	w.refuse()
	return false
}
