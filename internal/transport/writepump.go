package transport

import (
	"bytes"
	"errors"
	"os"
	"time"

	"backbone/internal/hub"
	"backbone/protocol"
)

// WritePump writes what the hub queues and what the ReadPump replies, until the
// connection ends or, where it has a writer, until there is nothing left to wait for.
func (c *conn) WritePump() {
	for !c.over && c.finish() {
		switch {
		case !c.writeReplies(), !c.writeQueued(true):
		case c.writer != nil:
			c.writer.calls <- call{c, true}
			return
		default:
			c.await()
		}
	}
	if err := c.farewell(); err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			c.server.stats.stalled.add(1)
		}
		c.server.log.Debug("write failed", "address", c.RemoteAddr(), "error", err)
		c.socket.Close() //nolint:errcheck // this ends the ReadPump
	}
	for !c.readEnded {
		c.replied(<-c.replies)
	}
	close(c.ended)
}

// writeQueued writes what the hub has queued by now, and asks for more where the hub has
// more; patient, it waits until the hub takes that. It reports false where there is
// something to wait for, or the end. What is queued meanwhile has its own turn: others
// have theirs before.
func (c *conn) writeQueued(patient bool) bool {
	queue := c.client.Queue()
	for left := len(queue); left > 0 && c.writes(); {
		select {
		case b := <-queue:
			left -= c.batch(&b)
		default: // the hub took it back
			left = 0
		}
	}
	if c.writes() && len(queue) == 0 && !c.pulled {
		return c.pull(patient) && !c.over
	}
	return c.writes()
}

// writeReplies does the same for the ReadPump's replies.
func (c *conn) writeReplies() bool {
	for left := len(c.replies); left > 0 && c.writes(); left-- {
		c.replied(<-c.replies)
	}
	return c.writes()
}

// writes reports whether the next write need not wait.
func (c *conn) writes() bool { return !c.over && len(c.unwritten) == 0 }

// await waits for one thing to write and writes it.
func (c *conn) await() {
	select {
	case b := <-c.client.Queue():
		c.batch(&b)
	case p := <-c.replies:
		c.replied(p)
	}
}

// pull asks the hub for more where there is more, and reports false where it could not.
// All is over when everything is written and the instance stops.
func (c *conn) pull(patient bool) bool {
	switch {
	case c.behind, c.draining && !c.dry:
		if patient {
			c.server.opts.Hub.Pull(&c.client)
		} else if !c.server.opts.Hub.TryPull(&c.client) {
			return false
		}
		c.behind, c.pulled = false, true
	case c.draining && len(c.replies) == 0:
		c.part(&fault{protocol.CloseGoingAway, "the server is stopping"})
	}
	return true
}

// part ends the writing; the peer is told why, nil: it is not.
func (c *conn) part(f *fault) { c.over, c.parting = true, f }

// batch writes b and what is queued behind it, and returns how many batches that were.
func (c *conn) batch(b *hub.Batch) int {
	c.took(b)
	if data, ok := b.Single(); ok && len(c.client.Queue()) == 0 {
		c.send(data)
		return 1
	}
	return c.gather(b)
}

// took notes what a batch says of what the hub still holds, or of the end. The answer to
// a pull after which there is nothing is an empty batch, and nothing else is.
func (c *conn) took(b *hub.Batch) {
	switch b.Signal {
	case hub.NoSignal:
		c.behind, c.pulled, c.dry = c.behind || b.More, false, b.Len() == 0
	case hub.Behind:
		c.behind, c.pulled = true, false
	case hub.CloseDrain:
		c.draining = true
	case hub.CloseSlow:
		c.part(&fault{protocol.CloseSlowConsumer, "too much is waiting for this client"})
	}
}

// replied writes a reply; nil says that the ReadPump has ended.
func (c *conn) replied(p []byte) {
	switch {
	case p == nil:
		c.readEnded = true
		if !c.over {
			c.part(c.final)
		}
	case !c.over:
		c.send(p)
	}
}

// gather writes b and what else is queued as one write of a bounded size, and returns how
// many batches that were.
func (c *conn) gather(b *hub.Batch) int {
	n := 1
	queue := c.client.Queue()
	joined := c.server.arena.joined.Get().(*[]byte)
	data := b.Append((*joined)[:0])
	for len(queue) > 0 && len(data) < hub.MaxWrite {
		next := <-queue
		c.took(&next)
		data = next.Append(data)
		n++
	}
	c.send(data)
	if len(c.unwritten) > 0 {
		c.unwritten = bytes.Clone(c.unwritten) // the rest may wait for long
	}
	if cap(data) <= joinBytes {
		*joined = data[:0]
	}
	c.server.arena.joined.Put(joined)
	return n
}

// send writes complete frames, or as much as can be written without waiting.
func (c *conn) send(p []byte) {
	if len(p) == 0 {
		return
	}
	n, err := c.socket.writeNow(p)
	if err != nil {
		c.failed(err)
		return
	}
	c.unwritten = p[n:]
	c.wrote(n)
}

// wrote counts a write of n bytes.
func (c *conn) wrote(n int) {
	count := &c.server.sent
	if c.writer != nil {
		count = &c.writer.sent
	}
	count.writes.Add(1)
	count.bytes.Add(int64(n))
}

// finish waits until the kernel has taken the rest of a write. It reports false where it
// never did.
func (c *conn) finish() bool {
	if len(c.unwritten) > 0 {
		if err := c.socket.writeWaiting(c.unwritten); err != nil {
			c.failed(err)
		} else {
			c.wrote(len(c.unwritten))
		}
		c.unwritten = nil
	}
	return c.writeErr == nil
}

func (c *conn) failed(err error) { c.over, c.writeErr = true, err }

// farewell tells the peer why the connection ends, if it is still there. Where the
// server closes first it waits for the ReadPump to see the peer's answer, for a while.
func (c *conn) farewell() error {
	if c.writeErr != nil || c.parting == nil {
		return c.writeErr
	}
	c.socket.timeout = finalTimeout
	late := c.closeLater()
	defer late.Stop()
	if !c.finish() {
		return c.writeErr
	}
	c.send(closeFrame(c.parting.code, c.parting.reason))
	if !c.finish() {
		return c.writeErr
	}
	c.server.stats.closes.count(closeLabel(c.parting.code))
	if c.readEnded {
		return nil
	}
	if err := c.socket.halfClose(); err != nil {
		return err
	}
	linger := time.NewTimer(lingerTimeout)
	defer linger.Stop()
	for {
		select {
		case p := <-c.replies:
			if c.replied(p); c.readEnded {
				return nil
			} // else the peer has been told that nothing more comes
		case <-linger.C:
			return c.socket.Close()
		}
	}
}
