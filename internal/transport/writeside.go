package transport

import (
	"bytes"
	"sync/atomic"

	"backbone/internal/hub"
	"backbone/protocol"
)

// writeSide is the half of a connection that writes: what the hub queues for the client, and the
// replies of the read side. DESIGN.md has the table of its phases.
//
// Every step writes without waiting, and returns what it would have to wait for. A writer runs
// the steps; only a WritePump waits.
type writeSide struct {
	// Immutable after init.
	conn   *conn
	writer *writer // runs the steps that need no waiting; nil: the WritePump always has a goroutine

	wish atomic.Uint32 // read side -> write side: time between heartbeats, milliseconds; 0: none wanted

	pumping bool // owned by the writer: the WritePump has a goroutine

	// Owned by the WritePump while it has a goroutine, or else by the writer.
	phase     phase
	draining  bool       // the instance stops: end once the hub holds nothing more
	readEnded bool       // the read side has ended
	fresh     *freshness // set by conn.start; nil: what is under way is not bounded
	beat      *heartbeat // nil: the client never wanted any
	unwritten []byte     // of complete frames: what the kernel did not take yet
	batches   uint8      // that were written, to measure one in sampleEvery
	raw       rawWriter
	closing   *closeError // what the peer is told at the end; nil: nothing
	err       error       // of the write that failed
}

// phase is what a write side expects.
type phase uint8

const (
	live    phase = iota // the queue brings everything
	behind               // the hub holds more, to be pulled once the queue is empty
	pulling              // the hub was asked, and has not answered yet
	over                 // nothing: only a close frame can follow
)

// need is what a write side needs before its next step.
type need uint8

const (
	needNothing  need = iota // only something to write
	needSocket               // that the kernel takes the rest of a write
	needHub                  // that the hub takes a pull
	needFarewell             // to tell the peer why the connection ends, and to end
)

func (w *writeSide) init(c *conn) {
	w.conn = c
	if c.socket.raw != nil {
		w.raw.init()
	}
}

// step writes the replies and the batches that wait.
func (w *writeSide) step() need {
	if n := w.writeReplies(); n != needNothing {
		return n
	}
	return w.writeQueued()
}

// writeReplies writes the replies that wait.
func (w *writeSide) writeReplies() need {
	for left := len(w.conn.replies); left > 0 && w.needs() == needNothing; left-- {
		w.writeReply(<-w.conn.replies)
	}
	return w.needs()
}

// writeQueued writes the batches that are queued by now, and pulls if the hub holds more. What is
// queued meanwhile has its own turn, so that no client keeps a writer from the others.
func (w *writeSide) writeQueued() need {
	if w.bound() != nil {
		w.hear()
	}
	queue := w.conn.client.Queue()
	for left := len(queue); left > 0 && w.needs() == needNothing; {
		if w.shut() {
			w.refuse()
			return needNothing
		}
		select {
		case b := <-queue:
			n := w.writeBatch(&b)
			w.took(n)
			left -= n
		default: // the hub took it back
			left = 0
		}
	}
	if n := w.needs(); n != needNothing || len(queue) > 0 {
		return n
	}
	return w.pull()
}

// needs is what the next write would have to wait for.
func (w *writeSide) needs() need {
	switch {
	case w.phase == over:
		return needFarewell
	case len(w.unwritten) > 0, w.conn.socket.waits():
		return needSocket
	}
	return needNothing
}

// pull asks the hub for more if it holds more. A connection that drains ends here, once
// everything is written.
func (w *writeSide) pull() need {
	if w.phase == live && w.mustPull() {
		w.phase = behind
	}
	if w.phase == behind && !w.mayPull() {
		return needNothing
	}
	switch {
	case w.phase == behind && !w.conn.server.opts.Hub.TryPull(&w.conn.client, w.want()):
		return needHub
	case w.phase == behind:
		w.phase = pulling
	case w.phase == live && w.draining && len(w.conn.replies) == 0:
		w.finish(w.conn.dismissal())
		return needFarewell
	}
	return needNothing
}

// finish ends the writing. The peer is told why; nil: it is told nothing.
func (w *writeSide) finish(why *closeError) { w.phase, w.closing = over, why }

// fail ends the writing because of an error.
func (w *writeSide) fail(err error) { w.phase, w.err = over, err }

// writeReply writes one hand-over of the read side.
func (w *writeSide) writeReply(frames []byte) {
	switch {
	case frames == nil:
		w.readEnded = true
		if w.phase != over {
			w.finish(w.conn.ending.why)
		}
	case w.phase != over:
		if w.markDue(len(frames)) {
			frames = w.mark(frames)
		}
		w.send(frames)
	}
}

// writeBatch writes b and what is queued behind it, and returns how many batches that were.
func (w *writeSide) writeBatch(b *hub.Batch) int {
	w.note(b)
	if w.batches++; w.batches%sampleEvery == 0 {
		w.conn.place.seen.born = b.Born()
		defer w.written()
	}
	if data, ok := b.Single(); ok && len(w.conn.client.Queue()) == 0 && !w.markDue(len(data)) {
		w.send(data)
		return 1
	}
	return w.writeJoined(b)
}

// writeJoined writes b and what else is queued as one write of a bounded size, and returns how
// many batches that were.
func (w *writeSide) writeJoined(b *hub.Batch) int {
	n := 1
	queue := w.conn.client.Queue()
	joined := w.conn.server.arena.joined.Get().(*[]byte)
	data := b.Append((*joined)[:0])
	for len(queue) > 0 && len(data) < w.most() {
		next := <-queue
		w.note(&next)
		data = next.Append(data)
		n++
	}
	if w.markDue(len(data)) {
		data = w.mark(data)
	}
	w.send(data)
	if len(w.unwritten) > 0 {
		w.unwritten = bytes.Clone(w.unwritten) // the rest can wait for long
	}
	if cap(data) <= joinBytes {
		*joined = data[:0]
	}
	w.conn.server.arena.joined.Put(joined)
	return n
}

// note takes from a batch what it says about what the hub still holds, or about the end. The
// answer to a pull is an empty batch if the hub held nothing, and no other batch is empty.
func (w *writeSide) note(b *hub.Batch) {
	switch {
	case w.phase == over:
	case b.Signal == hub.CloseSlow:
		w.finish(&closeError{code: protocol.CloseSlowConsumer, reason: "too much is waiting for this client"})
	case b.Signal == hub.CloseWhole:
		w.finish(&closeError{code: protocol.CloseSlowConsumer, reason: "this client is behind, and has refused conflation"})
	case b.Signal == hub.CloseDrain:
		w.draining = true
		if w.phase == live {
			w.phase = behind // pull until the hub answers that it holds nothing
		}
	case b.Signal == hub.Behind, b.More, w.draining && b.Len() > 0:
		w.phase = behind
	case w.phase == pulling:
		w.phase = live
	}
}

// send writes complete frames, or as much of them as the kernel takes without waiting.
func (w *writeSide) send(frames []byte) {
	if len(frames) == 0 {
		return
	}
	if f := w.bound(); f != nil {
		f.window.Sent(len(frames))
	}
	w.told(frames)
	n, err := w.writeNow(frames)
	if err != nil {
		w.fail(err)
		return
	}
	if n < len(frames) { // or else it would keep what is written in memory
		w.unwritten = frames[n:]
	}
	w.count(n)
}

// count counts a write of n bytes.
func (w *writeSide) count(n int) {
	to := &w.conn.server.sent
	if w.writer != nil {
		to = &w.writer.sent
	}
	to.writes.Add(1)
	to.bytes.Add(int64(n))
}
