package transport

import (
	"errors"
	"os"
	"time"

	"backbone/internal/hub"
	"backbone/protocol"
)

// WritePump writes what the hub queues and what the ReadPump replies, until the
// connection ends. Most connections are idle most of the time, so it waits for two
// channels only, and with little on its stack: a goroutine's first stack has 2 KiB, and
// one that has grown never shrinks while it waits.
func (c *conn) WritePump() {
	for c.writeOne() {
	}
	if err := c.farewell(); err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			c.server.stats.stalled.Add(1)
		}
		c.server.log.Debug("write failed", "address", c.RemoteAddr(), "error", err)
		c.socket.Close() //nolint:errcheck // this ends the ReadPump
	}
	close(c.writeDone)
}

// writeOne waits for one thing to write and writes it. It reports false when there is
// reason to end: a failed write, or a fault to tell.
func (c *conn) writeOne() bool {
	if len(c.client.Queue()) == 0 && !c.pulled && !c.pull() {
		return false
	}
	select {
	case b := <-c.client.Queue():
		return c.batch(&b)
	case p := <-c.replies:
		return c.replied(p)
	}
}

// pull asks the hub for more where there is more. It reports false when all is written
// and the instance stops.
func (c *conn) pull() bool {
	switch {
	case c.behind, c.draining && !c.dry:
		c.behind, c.pulled = false, true
		c.server.opts.Hub.Pull(c.client)
	case c.draining && len(c.replies) == 0:
		c.parting = &fault{protocol.CloseGoingAway, "the server is stopping"}
		return false
	}
	return true
}

// batch writes b and what is queued behind it.
func (c *conn) batch(b *hub.Batch) bool {
	c.took(b)
	if data, ok := b.Single(); ok && len(c.client.Queue()) == 0 {
		return c.send(data) && c.parting == nil
	}
	return c.gather(b) && c.parting == nil
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
		c.parting = &fault{protocol.CloseSlowConsumer, "too much is waiting for this client"}
	}
}

// replied writes a reply; nil says that the ReadPump has ended.
func (c *conn) replied(p []byte) bool {
	if p == nil {
		c.readEnded, c.parting = true, c.final
		return false
	}
	return c.send(p)
}

// gather writes b and what else is queued as one write of a bounded size.
func (c *conn) gather(b *hub.Batch) bool {
	queue := c.client.Queue()
	joined := c.server.arena.joined.Get().(*[]byte)
	data := b.Append((*joined)[:0])
	for len(queue) > 0 && len(data) < hub.MaxWrite {
		next := <-queue
		c.took(&next)
		data = next.Append(data)
	}
	ok := c.send(data)
	if cap(data) <= joinBytes {
		*joined = data[:0]
	}
	c.server.arena.joined.Put(joined)
	return ok
}

// send writes complete frames, and reports whether the connection can go on.
func (c *conn) send(p []byte) bool {
	if len(p) == 0 {
		return true
	}
	if c.writeErr = c.socket.write(p); c.writeErr != nil {
		return false
	}
	c.server.stats.writes.Add(1)
	c.server.stats.bytesOut.Add(uint64(len(p)))
	return true
}

// farewell tells the peer why the connection ends, if it is still there. Where the
// server closes first it waits for the ReadPump to see the peer's answer, for a while.
func (c *conn) farewell() error {
	if c.writeErr != nil || c.parting == nil {
		return c.writeErr
	}
	c.socket.timeout = finalTimeout
	if !c.send(closeFrame(c.parting.code, c.parting.reason)) {
		return c.writeErr
	}
	c.server.stats.closed(c.parting.code)
	if c.readEnded {
		return nil
	}
	if err := c.socket.halfClose(); err != nil {
		return err
	}
	late := time.NewTimer(lingerTimeout)
	defer late.Stop()
	for {
		select {
		case p := <-c.replies:
			if p == nil {
				return nil
			} // else the peer has been told that nothing more comes
		case <-late.C:
			return c.socket.Close()
		}
	}
}
