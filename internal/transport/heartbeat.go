package transport

import (
	"bytes"
	"container/heap"
	"time"

	"backbone/internal/frame"
	"backbone/protocol"
)

// heartbeat sends a client a text message when it was sent none for a while, so that a program
// can tell a quiet market from a dead line. Control frames do not count: no browser shows them.
// Nor do marks that are messages: a library answers them without the program.
type heartbeat struct {
	side *writeSide // immutable

	// Owned as the write side is.
	every time.Duration
	due   time.Duration // by the server's time
	timer *time.Timer   // nil: the writer has one for all its sides

	// Owned by the writer.
	when  time.Duration // it looks at the heartbeat, not after due
	index int           // in its list, -1: not there
}

// beatRetry is when a heartbeat that had no room is tried again, at the latest.
const beatRetry = time.Second

// beating is the heartbeat that the client wants; nil: none.
func (w *writeSide) beating() *heartbeat {
	wish := w.wish.Load()
	if wish == 0 {
		return nil
	}
	if w.beat == nil {
		w.beat = &heartbeat{side: w, index: -1}
		if w.writer == nil {
			w.beat.timer = time.NewTimer(time.Hour)
		}
	}
	if every := time.Duration(wish) * time.Millisecond; w.beat.every != every {
		w.beat.every, w.beat.due = every, w.conn.server.now()+every
	}
	return w.beat
}

// told notes that frames are sent. A heartbeat follows if no text message does for its time.
func (w *writeSide) told(frames []byte) {
	if b := w.beat; b != nil && says(frames) {
		b.due = w.conn.server.now() + b.every
	}
}

// markBegin is how a mark begins that is a message, and nothing else does.
var markBegin = []byte(`{"type":"` + protocol.TypeMark + `"`)

// says reports whether any of complete frames is a text message other than a mark.
func says(frames []byte) bool {
	for len(frames) > 0 {
		var h frame.Header
		size, _ := h.Parse(frames)
		end := size + int(h.Length)
		if h.Opcode == frame.Text && !bytes.HasPrefix(frames[size:end], markBegin) {
			return true
		}
		frames = frames[end:]
	}
	return false
}

// pulse sends the heartbeat if it is due and the client may be sent something.
func (w *writeSide) pulse() need {
	b, now := w.beat, w.conn.server.now()
	if n := w.needs(); n != needNothing || now < b.due {
		return n
	}
	if !w.mayBeat() {
		b.due = now + min(b.every, beatRetry)
		return needNothing
	}
	text := protocol.ServerMessage{Type: protocol.TypeHeartbeat, At: time.Now().UnixMilli()}
	data := Frame(nil, string(text.Append(nil)))
	if w.markDue(len(data)) {
		data = w.mark(data)
	}
	w.send(data)
	return w.needs()
}

// mayBeat reports whether a heartbeat does not come before what waits. A client whose window is
// shut gets one instead of a price that trickles: not more often, and only if none waits.
func (w *writeSide) mayBeat() bool {
	f := w.bound()
	switch {
	case len(w.conn.client.Queue()) > 0 || w.phase != live || f != nil && f.folding != nil:
		return false
	case f == nil || w.draining || f.window.Room() > 0:
		return true
	}
	return f.window.Trickle(w.conn.server.now())
}

// beats are the heartbeats of a writer's sides, the one that is due first in front. It holds those
// whose WritePumps have no goroutine. One that is due finds out whether something was sent.
type beats []*heartbeat

func (b beats) Len() int           { return len(b) }
func (b beats) Less(i, j int) bool { return b[i].when < b[j].when }
func (b beats) Swap(i, j int) {
	b[i], b[j] = b[j], b[i]
	b[i].index, b[j].index = i, j
}

// Push is heap's.
func (b *beats) Push(x any) {
	h := x.(*heartbeat) //nolint:forcetypeassert // heap's contract
	h.index = len(*b)
	*b = append(*b, h)
}

// Pop is heap's.
func (b *beats) Pop() any {
	last := len(*b) - 1
	h := (*b)[last]
	(*b)[last] = nil
	*b = (*b)[:last]
	h.index = -1
	return h
}

// beatLater has a side's heartbeat looked at when it is due.
func (w *writer) beatLater(b *heartbeat) {
	switch {
	case b.index < 0:
		b.when = b.due
		heap.Push(&w.beats, b)
	case b.due < b.when: // the client wants it more often
		b.when = b.due
		heap.Fix(&w.beats, b.index)
	default:
		return
	}
	w.armBeat()
}

// beatNoMore forgets a side whose WritePump gets a goroutine.
func (w *writer) beatNoMore(b *heartbeat) {
	if b != nil && b.index >= 0 {
		heap.Remove(&w.beats, b.index)
	}
}

// armBeat sets the timer for the heartbeat that is due next.
func (w *writer) armBeat() {
	if len(w.beats) > 0 && w.beats[0].when != w.beatAt {
		w.beatAt = w.beats[0].when
		w.beat.Reset(w.beatAt - w.beats[0].side.conn.server.now())
	}
}

// beatAll sends the heartbeats that are due.
func (w *writer) beatAll() {
	w.beatAt = 0
	for len(w.beats) > 0 {
		b := w.beats[0]
		if b.when > b.side.conn.server.now() {
			break
		}
		heap.Pop(&w.beats)
		w.supply(b.side, b.side.pulse()) // which lists it again
	}
	w.armBeat()
}
