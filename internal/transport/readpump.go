package transport

import (
	"errors"
	"os"
	"time"

	"backbone/internal/awake"
	"backbone/internal/frame"
	"backbone/protocol"
)

// ReadPump reads until the connection ends. It is also the connection's watchdog: a read that
// waits too long makes it ping the client, and the next one makes it close. Time spent waiting
// for the hub, for ingest or for the write side does not count.
//
// A consumer says little and waits long. Handling its requests makes the stack grow, and waiting
// needs only a small one, so another goroutine goes on with the next read.
func (r *readSide) ReadPump() {
	for {
		err := r.read()
		if err == nil && r.scratch == nil {
			continue // only a pong came
		}
		if err == nil {
			n := len(r.scratch.data) - len(r.rest)
			if err = r.process(); err == nil {
				r.payForBytes(n)
			}
		}
		if err != nil {
			r.conn.end(err)
			return
		}
		if r.conn.identity.Role == protocol.Consumer {
			r.conn.server.goes.Go(r.ReadPump)
			return
		}
	}
}

// read waits for input. It pings the client where none comes for long.
func (r *readSide) read() error {
	for {
		message := r.fragments.begun
		deadline := r.keepAlive.deadline
		if message != nil && message.until.Before(deadline) {
			deadline = message.until
		}
		if err := r.conn.socket.SetReadDeadline(r.beforeExpiry(deadline)); err != nil {
			return err
		}
		if err := r.standing(); err != nil {
			return err
		}
		err := r.fill()
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return err
		case r.conn.place.granted != nil && time.Now().Before(deadline):
			continue // something became of the credentials
		case message != nil && deadline.Equal(message.until):
			more := awake.Grant(message.until, &message.again, messageTimeout)
			if more == 0 {
				r.conn.server.stats.late.count(lateMessage)
				return &closeError{code: protocol.CloseSlowConsumer, reason: "a message was not complete in time"}
			}
			message.until = time.Now().Add(more)
			continue
		case !r.keepAlive.pinged:
			r.sendPing()
		case r.readsUpToPing():
		case r.again():
			continue
		default:
			r.conn.server.stats.late.count(latePong)
			return &closeError{code: protocol.CloseSlowConsumer, reason: "a ping was not answered in time"}
		}
		r.keepAlive.deadline = time.Now().Add(r.conn.server.opts.Limits.PongTimeout)
	}
}

// process handles what was read. After an error the connection has to end.
func (r *readSide) process() error {
	used, err := r.fragments.frames(r.scratch.data, r.message, r.controlFrame)
	r.publish()
	r.flushReplies()
	r.keep(used)
	if used > 0 {
		if f := r.conn.write.fresh; f != nil {
			f.frames.Add(1)
		}
		r.restartWait() // only now: until here it was not the client that was waited for
	}
	return err
}

func (r *readSide) controlFrame(op frame.Opcode, payload []byte) error {
	if op != frame.Close && (op != frame.Pong || !r.pong(payload) && !r.keepAlive.answers(payload)) {
		if err := r.withoutText(); err != nil {
			return err
		}
	}
	switch op {
	case frame.Ping:
		r.scratch.replies = appendControl(r.scratch.replies, frame.Pong, payload)
		r.boundReplies()
	case frame.Close:
		code, err := checkClose(payload)
		if err != nil {
			return err
		}
		return &closeError{code: code, reason: closedByClient}
	}
	return nil
}

// reply adds m to the replies of the read under way.
func (r *readSide) reply(m protocol.ServerMessage) {
	r.scratch.replies = Frame(r.scratch.replies, string(m.Append(nil)))
	r.boundReplies()
}

// boundReplies keeps replies from growing with what one read asks for. A client that asks and
// does not read has to wait after a few of them.
func (r *readSide) boundReplies() {
	if len(r.scratch.replies) >= replyBytes {
		r.flushReplies()
	}
}

// flushReplies hands the replies of the read under way to the write side.
func (r *readSide) flushReplies() {
	if replies := r.scratch.replies; len(replies) > 0 {
		r.handOver(append([]byte(nil), replies...))
		r.scratch.replies = replies[:0]
	}
}

// handOver gives complete frames to the write side, which owns them from then on; nil says that
// the read side has ended. It waits while all replyPlaces are full.
func (r *readSide) handOver(frames []byte) {
	r.conn.replies <- frames // the write side receives until the nil
	r.notify()
}

// notify tells the writer that a reply waits.
func (r *readSide) notify() {
	if w := &r.conn.write; w.writer != nil {
		w.writer.notices <- notice{side: w}
	}
}
