package transport

import (
	"errors"
	"os"
	"sync/atomic"
	"time"

	"backbone/internal/awake"
	"backbone/internal/moment"
)

// WritePump writes until the connection ends or, where it has a writer, until it needs nothing
// that it would have to wait for.
func (w *writeSide) WritePump() {
	for {
		switch w.step() {
		case needNothing:
			if w.writer != nil {
				w.writer.notices <- notice{side: w, pumpEnds: true}
				return
			}
			w.await()
		case needSocket:
			seen := &w.conn.place.seen
			seen.waits.Add(1)
			seen.since.Store(int64(w.conn.server.now()))
			w.writeRest()
			seen.since.Store(0)
			w.written()
		case needHub:
			w.conn.server.opts.Hub.Pull(&w.conn.client, w.want())
			w.phase = pulling
		case needFarewell:
			w.leave()
			return
		}
	}
}

// await waits for one thing to write, and writes it.
func (w *writeSide) await() {
	f := w.bound()
	var beat <-chan time.Time
	if b := w.beating(); b != nil {
		b.timer.Reset(b.due - w.conn.server.now())
		beat = b.timer.C
	}
	if f == nil {
		select {
		case b := <-w.conn.client.Queue():
			w.writeBatch(&b)
		case frames := <-w.conn.replies:
			w.writeReply(frames)
		case <-beat:
			w.pulse()
		}
		return
	}
	queue := w.conn.client.Queue()
	if w.shut() {
		queue = nil
	}
	var tick <-chan time.Time
	if f.window.Watched() || len(w.conn.client.Queue()) > 0 {
		f.alarm.tick.Reset(tickEvery)
		tick = f.alarm.tick.C
	}
	select {
	case b := <-queue:
		w.took(w.writeBatch(&b))
	case frames := <-w.conn.replies:
		w.writeReply(frames)
	case <-f.alarm.answer:
	case <-f.folding:
	case <-tick:
		w.tick()
	case <-beat:
		w.pulse()
	}
}

// writeRest waits until the kernel has taken the rest of a write.
func (w *writeSide) writeRest() {
	if w.conn.socket.waits() {
		if err := w.conn.socket.under().unsent.Flush(w.writeWaiting); err != nil {
			w.fail(err)
		}
	}
	if len(w.unwritten) > 0 {
		if err := w.writeWaiting(w.unwritten); err != nil {
			w.fail(err)
		} else {
			w.count(len(w.unwritten))
		}
		w.unwritten = nil
	}
}

// leave tells the peer why the connection ends, and waits for the read side to end.
func (w *writeSide) leave() {
	c := w.conn
	if c.over != nil {
		close(c.over)
	}
	if b := w.beat; b != nil && b.timer != nil {
		b.timer.Stop()
	}
	if w.fresh != nil {
		w.setRefusing(false)
		if a := w.fresh.alarm; a != nil {
			a.tick.Stop()
		}
	}
	if err := w.farewell(); err != nil {
		c.server.log.Debug("write failed", "address", c.RemoteAddr(), "error", err)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			c.server.stats.stalled.add(1)
			c.socket.reset()
		}
		c.socket.Close() // this ends the read side
	}
	for !w.readEnded {
		w.writeReply(<-c.replies)
	}
	close(c.ending.ended)
}

// farewell tells the peer why the connection ends, if it is still there. Where the server closes
// first it waits for the read side to see the peer's answer, for a while.
func (w *writeSide) farewell() error {
	if w.err != nil || w.closing == nil {
		return w.err
	}
	late := w.conn.closeLater()
	w.writeRest()
	if w.err == nil {
		w.send(closeFrame(w.closing.code, w.closing.reason))
		w.writeRest()
	}
	late.stop() // the peer's answer has a time of its own
	if w.err != nil {
		return w.err
	}
	w.conn.server.stats.closes.count(closeLabel(w.closing.code))
	if w.readEnded {
		return nil
	}
	if err := w.conn.socket.halfClose(); err != nil {
		return err
	}
	if w.writeRest(); w.err != nil { // that of TLS
		return w.err
	}
	linger := time.NewTimer(lingerTimeout)
	until, spent := time.Now().Add(lingerTimeout), false
	defer linger.Stop()
	for !w.readEnded {
		select {
		case frames := <-w.conn.replies:
			w.writeReply(frames) // writes nothing: the peer was told that nothing more comes
		case <-linger.C:
			more := awake.Grant(until, &spent, lingerTimeout)
			if more == 0 {
				return w.conn.socket.Close()
			}
			linger.Reset(more)
		}
	}
	return nil
}

// seen is what operators see of a connection. It is written once for each mark or wait, never for each
// event.
type seen struct {
	begun time.Duration // when the WebSocket began, in the time of the server; set as place.client is

	age   atomic.Uint32 // of what the client read, milliseconds; set by the write side
	waits atomic.Uint32 // writes that had to wait for the socket; likewise
	since atomic.Int64  // when the write that waits began, in the time of the server; 0: none does

	born time.Duration // of what is being written, as hub.Batch.Born has it, if it is measured; owned as the write side is
}

// sampleEvery is of how many batches of a connection one is measured.
const sampleEvery = 64

// written measures what was to be measured, once all of it is written.
func (w *writeSide) written() {
	if seen := &w.conn.place.seen; seen.born > 0 && len(w.unwritten) == 0 {
		if w.err == nil {
			w.conn.server.stats.toWrite.Observe(moment.Now().Since(seen.born))
		}
		seen.born = 0
	}
}
