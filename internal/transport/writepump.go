package transport

import (
	"time"

	"backbone/internal/hub"
	"backbone/protocol"
)

// WritePump writes what the hub queues and what the ReadPump replies, until the
// connection ends. Most connections are idle most of the time, so what stands on the
// stack while this waits is kept small: see DESIGN.md.
func (c *conn) WritePump() {
	for c.writeOne() {
	}
	if err := c.farewell(); err != nil {
		c.log.Debug("write failed", "address", c.address, "error", err)
		c.socket.Close() //nolint:errcheck // this ends the ReadPump
	}
	close(c.writeDone)
}

// writeOne waits for one thing to write and writes it. It reports false when there is
// reason to end: a failed write, or a fault to tell.
func (c *conn) writeOne() bool {
	queue := c.client.Queue()
	if len(queue) == 0 && !c.pulled {
		switch {
		case c.behind, c.draining && !c.dry:
			c.behind, c.pulled = false, true
			c.server.opts.Hub.Pull(c.client)
		case c.draining && len(c.replies) == 0:
			c.parting = &fault{protocol.CloseGoingAway, "the server is stopping"}
			return false
		}
	}
	select {
	case b := <-queue:
		c.took(&b)
		if data, ok := b.Single(); ok && len(queue) == 0 {
			return c.send(data)
		}
		return c.gather(&b, queue)
	case p := <-c.replies:
		return c.send(p)
	case s := <-c.client.Signals():
		return c.signal(s)
	case <-c.readDone:
		c.parting = c.final
		return c.final != nil && c.sendReplies()
	}
}

// took notes what a batch says of what the hub still holds. The answer to a pull after
// which there is nothing is an empty batch, and nothing else is.
func (c *conn) took(b *hub.Batch) {
	c.behind, c.pulled, c.dry = c.behind || b.More, false, b.Len() == 0
}

func (c *conn) signal(s hub.Signal) bool {
	switch s {
	case hub.Behind:
		c.behind, c.pulled = true, false
	case hub.CloseDrain:
		c.draining = true
	case hub.CloseSlow:
		c.parting = &fault{protocol.CloseSlowConsumer, "too much is waiting for this client"}
		return false
	}
	return true
}

// gather writes b and what else is queued as one write of a bounded size.
func (c *conn) gather(b *hub.Batch, queue <-chan hub.Batch) bool {
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

// sendReplies writes what the ReadPump replied before it ended. It always reports
// false: there is no more to come.
func (c *conn) sendReplies() bool {
	for len(c.replies) > 0 && c.send(<-c.replies) {
	}
	return false
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
	select {
	case <-c.readDone:
		return nil
	default:
	}
	if err := c.socket.halfClose(); err != nil {
		return err
	}
	late := time.NewTimer(lingerTimeout)
	defer late.Stop()
	for {
		select {
		case <-c.readDone:
			return nil
		case <-c.replies: // the peer has been told that nothing more comes
		case <-late.C:
			return c.socket.Close()
		}
	}
}
