package transport

import (
	"errors"
	"os"
	"time"

	"backbone/internal/frame"
	"backbone/protocol"
)

// ReadPump reads until the connection ends. It is the connection's watchdog too: a read
// that waits too long makes it ping, and one more close. The time in which it waits for
// hub or ingest does not count.
//
// A consumer says little and waits long. Handling what it says makes the stack grow, and
// waiting needs only a small one: so another goroutine goes on with the next read.
func (c *conn) ReadPump() {
	for c.failure == nil {
		if c.failure = c.read(); c.failure != nil {
			break
		}
		if c.process(); c.failure == nil && c.identity.Role == protocol.Consumer {
			c.server.goes.Go(c.ReadPump)
			return
		}
	}
	c.end(c.failure)
}

// read waits for input, pinging where there is none for long.
func (c *conn) read() error {
	for {
		if err := c.socket.SetReadDeadline(c.patience); err != nil {
			return err
		}
		err := c.socket.fill()
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return err
		case !c.pinged:
			c.sendPing()
		case !c.pingWaits():
			return &fault{protocol.CloseSlowConsumer, "a ping was not answered in time"}
		}
		c.patience = time.Now().Add(c.server.opts.Limits.PongTimeout)
	}
}

// pingBehind is what may lie before a ping beside what the kernel holds unacknowledged:
// what the WritePump is writing, and what waits in the peer's receive buffer.
const pingBehind = 256 << 10

func (c *conn) sendPing() {
	c.pinged = true
	f, known := flowOf(c.socket.Conn)
	if c.taken, c.pingRead = f.taken, f.taken; known && f.held > 0 {
		c.pingRead += f.held + pingBehind
	}
	c.reply(control(nil, frame.Ping, nil))
}

// pingWaits reports whether the peer, behind with its reading, has still to come to the
// ping, and does read on.
func (c *conn) pingWaits() bool {
	f, known := flowOf(c.socket.Conn)
	waits := known && f.taken > c.taken && c.taken < c.pingRead
	c.taken = f.taken
	return waits
}

// heard starts the wait for the next frame. Bytes of a frame that never ends do not:
// whoever sends them one by one is not worth the memory that they take.
func (c *conn) heard() {
	c.pinged, c.patience = false, time.Now().Add(c.server.opts.Limits.PingInterval)
}

// process handles what was read, and sets failure where the connection is to end.
func (c *conn) process() {
	used, err := c.fragments.frames(c.socket.scratch.data, c.message, c.control)
	c.publish()
	c.flushReplies()
	c.socket.keep(used)
	if used > 0 {
		c.heard() // only now: what waited above was not the client
	}
	c.failure = err
}

// boundReplies keeps replies from growing with what one read asks for: a client that
// asks and never listens has to wait after a few of them.
func (c *conn) boundReplies() {
	if len(c.socket.scratch.replies) >= replyBytes {
		c.flushReplies()
	}
}

// flushReplies hands what was replied during the read under way to the WritePump.
func (c *conn) flushReplies() {
	if replies := c.socket.scratch.replies; len(replies) > 0 {
		c.reply(append([]byte(nil), replies...))
		c.socket.scratch.replies = replies[:0]
	}
}

// control handles a control frame.
func (c *conn) control(op frame.Opcode, payload []byte) error {
	switch op {
	case frame.Ping:
		c.socket.scratch.replies = control(c.socket.scratch.replies, frame.Pong, payload)
		c.boundReplies()
	case frame.Close:
		code, err := checkClose(payload)
		if err != nil {
			return err
		}
		return &fault{code, "closed by the client"}
	}
	return nil
}
