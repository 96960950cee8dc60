package transport

import (
	"io"
	"time"

	"backbone/internal/domain/common"
	"backbone/internal/hub"
	"backbone/internal/ingest"
	"backbone/protocol"
)

// Replies that a read side can have under way before it waits for its write side.
const (
	replyPlaces = 2
	replyBytes  = 16 << 10 // of one hand-over; its last message can exceed that
)

// The size of the reads of a connection that cannot wait without memory. TLS keeps the rest of a
// record, which can be read without waiting.
const (
	smallBytes = 2 << 10
	leastBytes = 64 // with TLS: a short request
)

// readSide is the half of a connection that reads: the client's requests, and whether the client
// is still there. It ends the connection, whichever side is the first to fail.
type readSide struct {
	conn *conn // immutable after init

	// Owned by the ReadPump.
	raw       rawReader
	small     *[smallBytes]byte // to wait with, where the socket is neither raw nor TLS
	rest      []byte            // of the stream: read, but not a whole frame yet
	scratch   *scratch          // from fill to the end of process; nil while waiting
	fragments fragments
	keepAlive keepAlive
	publisher *ingest.Publisher // nil until the first event
	pace      *pace             // nil until something is counted
	groups    map[string]uint32 // rooms whose status it wants by a threshold of its own, in milliseconds; nil: never any
	rooms     int32             // that the client is in
	renewals  uint32            // how often it has sent other credentials
}

// scratch is the memory that a read side needs to read and to handle what it read. A connection
// that waits has none.
type scratch struct {
	buf  [protocol.MaxMessageBytes + 8<<10]byte // the largest frame, and place to read on
	data []byte                                 // in buf: rest and what was read

	decoder  *common.Decoder
	long     bool                 // the message under way is a long one: see turn
	last     bool                 // nothing was read behind it
	replies  []byte               // frames that were not handed over yet
	events   []hub.BroadcastEvent // that were not published yet
	receipts []receipt            // one for each of events
}

func (r *readSide) init(c *conn) {
	r.conn = c
	if c.socket.raw != nil {
		r.raw.init(r)
	}
}

// fill waits until there is something to read, acquires a scratch and reads into it.
func (r *readSide) fill() error {
	if r.conn.socket.raw != nil {
		return r.raw.fill()
	}
	var small []byte
	u := r.conn.socket.under()
	switch {
	case u != nil:
		small = u.first[:]
	case r.small == nil:
		r.small = new([smallBytes]byte)
		fallthrough
	default:
		small = r.small[:]
	}
	n, err := r.conn.socket.Read(small)
	switch {
	case n > 0:
		place := r.acquire()
		copy(place, small[:n])
		if u != nil && n == len(small) {
			n += r.readOn(place[n:])
		}
		r.filled(n)
		return nil
	case err == nil:
		return io.ErrNoProgress
	}
	return err
}

// readOn reads what TLS has of a record already. It does not wait: its deadline has passed. A failure
// comes again with the next read.
func (r *readSide) readOn(place []byte) int {
	if r.conn.socket.SetReadDeadline(time.Unix(1, 0)) != nil {
		return 0
	}
	n, _ := r.conn.socket.Read(place)
	return n
}

// acquire gets a scratch that begins with rest, and returns the place behind that.
func (r *readSide) acquire() []byte {
	r.scratch = r.conn.server.arena.scratch.Get().(*scratch)
	return r.scratch.buf[copy(r.scratch.buf[:], r.rest):]
}

// filled says that n bytes were put into the place that acquire returned.
func (r *readSide) filled(n int) { r.scratch.data = r.scratch.buf[:len(r.rest)+n] }

// keep stores what was read but not used, and releases the scratch.
func (r *readSide) keep(used int) {
	if used < len(r.scratch.data) && len(r.scratch.data) < len(r.scratch.buf) { // else more lies in the kernel
		quickAck(r.conn.socket.Conn)
	}
	switch data := r.scratch.data; {
	case used == 0: // a long frame that comes in small pieces is not copied for each of them
		r.rest = append(r.rest, data[len(r.rest):]...)
	case used < len(data):
		r.rest = append([]byte(nil), data[used:]...)
	default:
		r.rest = nil
	}
	r.release()
}

// release gives the scratch back, which must hold no replies and no events any more.
func (r *readSide) release() {
	r.scratch.data = nil
	r.conn.server.arena.scratch.Put(r.scratch)
	r.scratch = nil
}
