package transport

import (
	"bytes"
	"errors"
	"net"
	"os"
	"time"

	"backbone/internal/awake"
	"backbone/internal/frame"
)

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
