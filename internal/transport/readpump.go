package transport

import (
	"bytes"
	"errors"
	"net"
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
		switch {
		case err == nil && r.scratch == nil && r.conn.place.prefixes.ready():
			err = r.joinNews()
		case err == nil && r.scratch == nil:
			continue // only a pong came
		case err == nil:
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
		p, until := r.conn.place.prefixes, r.beforeExpiry(deadline)
		news := p.look()
		if news && p.due.Before(until) {
			until = p.due
		}
		if err := r.conn.socket.SetReadDeadline(until); err != nil {
			return err
		}
		if err := r.standing(); err != nil {
			return err
		}
		if p.look() != news { // behind the change of the deadline, too
			continue
		}
		if p.ready() {
			return nil
		}
		err := r.fill()
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return err
		case (r.conn.place.granted != nil || p != nil) && time.Now().Before(deadline):
			continue // something became of the credentials, or rooms have come
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
	r.count()
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

// keepAlive is what a read side knows about whether its client is still there.
type keepAlive struct {
	deadline time.Time // of the wait for the next frame
	pinged   bool      // the client was pinged, and has sent no frame afterwards
	again    bool      // and its time is up; only what came meanwhile is still read
	asked    bool      // the pong to the last ping has not come
	acked    uint64    // bytes that the peer's kernel had acknowledged when they were last looked at
	pingRead uint64    // acknowledged bytes at which the peer has read the ping at the latest
}

// restartWait starts the wait for the next frame. Bytes of a frame that never ends do not restart
// it: a client that sends them one by one is not worth their memory.
func (r *readSide) restartWait() {
	r.keepAlive.pinged, r.keepAlive.again = false, false
	r.keepAlive.deadline = time.Now().Add(r.conn.server.opts.Limits.PingInterval)
}

// spare has the client have the time for which it was not read.
func (r *readSide) spare(d time.Duration) {
	r.keepAlive.deadline = r.keepAlive.deadline.Add(d)
	if m := r.fragments.begun; m != nil {
		m.until = m.until.Add(d)
	}
}

// pingBehind is how much can lie before a ping in addition to what the kernel holds
// unacknowledged: what the write side is writing, and what is in the peer's receive buffer.
const pingBehind = 256 << 10

// pingPayload is what a ping carries to be answered with. Some clients do not mask a frame without
// a payload, which RFC 6455 forbids: their answer to an empty ping would end the connection.
var pingPayload = []byte("p")

func (r *readSide) sendPing() {
	k := &r.keepAlive
	k.pinged, k.asked = true, true
	f, known := flowOf(r.conn.socket.Conn)
	if k.acked, k.pingRead = f.acked, f.acked; known && f.unacked > 0 {
		k.pingRead += f.unacked + pingBehind
	}
	r.handOver(appendControl(nil, frame.Ping, pingPayload))
}

// answers reports whether a pong is the answer to a ping, which it can be once.
func (k *keepAlive) answers(pong []byte) bool {
	if !k.asked || !bytes.Equal(pong, pingPayload) {
		return false
	}
	k.asked = false
	return true
}

// readsUpToPing reports whether the peer has not come to the ping yet, but reads on.
func (r *readSide) readsUpToPing() bool {
	k := &r.keepAlive
	f, known := flowOf(r.conn.socket.Conn)
	reads := known && f.acked > k.acked && k.acked < k.pingRead
	k.acked = f.acked
	return reads
}

// again grants the client the time in which this process did not run, once.
func (r *readSide) again() bool {
	more := awake.Grant(r.keepAlive.deadline, &r.keepAlive.again, r.conn.server.opts.Limits.PongTimeout)
	if more > 0 {
		r.keepAlive.deadline = time.Now().Add(more)
	}
	return more > 0
}

// patient reads what a peer has to send by a time. What came while this process did not run is
// still read.
type patient struct { // owned by who reads
	net.Conn
	until time.Time
	most  time.Duration // to be granted
	spent bool          // nothing is granted any more
}

func (p *patient) Read(b []byte) (int, error) {
	n, err := p.Conn.Read(b)
	if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		return n, err
	}
	more := awake.Grant(p.until, &p.spent, p.most)
	if more == 0 || p.Conn.SetReadDeadline(time.Now().Add(more)) != nil {
		return n, err
	}
	return p.Conn.Read(b)
}

// NetConn lets bottom find the connection.
func (p *patient) NetConn() net.Conn { return p.Conn }
