package transport

import (
	"encoding/binary"
	"io"
	"strconv"
	"time"

	"backbone/internal/domain/common"
	"backbone/internal/frame"
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
	messages int                  // that were read and are not counted yet
	bytes    int                  // of these messages
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

// answer is a mark that the client answered.
type answer struct {
	number uint64
	at     time.Duration
}

// answer notes that the client answered a mark, and has the write side look at that.
// It reports false if no such mark was sent, or if the client has answered that one or a later one
// before.
func (r *readSide) answer(number uint64) bool {
	f := r.conn.write.fresh
	if f == nil {
		return false
	}
	later := uint32(number) - f.newest // than the newest answer; a number from before wraps, and is large
	if later == 0 || later > f.open.Load() {
		return false
	}
	f.newest += later
	f.open.Add(-later)
	f.answered.Store(&answer{number, r.conn.server.now()})
	if f.alarm == nil {
		r.conn.write.writer.notices <- notice{side: &r.conn.write}
		return true
	}
	select {
	case f.alarm.answer <- struct{}{}:
	default:
	}
	return true
}

// pong takes the payload of a pong. It reports whether it answers a mark: another one says only that
// the client lives.
func (r *readSide) pong(payload []byte) bool {
	return len(payload) == 8 && r.answer(binary.BigEndian.Uint64(payload))
}

// marked takes a client's answer to a mark that is a message. It reports false if that is not
// valid, or answers nothing.
func (r *readSide) marked(o *common.Object) bool {
	number, err := mark(o)
	return err == nil && r.answer(number)
}

// mark is the number of the mark that o answers.
func mark(o *common.Object) (uint64, error) {
	if err := o.Only("n"); err != nil {
		return 0, err
	}
	text, _, err := o.Number("n")
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(string(text), 10, 64)
	if err != nil {
		return 0, common.Errorf(protocol.CodeInvalidEvent, "n: must be the number of a mark")
	}
	return n, nil
}

// lonePong is the size of an answer to a mark that is a ping, with its header and mask.
const lonePong = 2 + 4 + 8

// mayPong reports whether the next that comes may be a lone pong: the client has marks to answer,
// and is at the begin of a frame.
func (r *readSide) mayPong() bool {
	return r.conn.write.fresh != nil && len(r.rest) == 0
}

// lonePong takes what was read if it is one answer to a mark and nothing else. That is most of what
// a consumer sends, so it costs no scratch and no new goroutine.
func (r *readSide) lonePong(p []byte) bool {
	if len(p) != lonePong || p[0] != 0x80|byte(frame.Pong) || p[1] != 0x80|8 {
		return false
	}
	var number [8]byte
	for i := range number {
		number[i] = p[6+i] ^ p[2+i%4]
	}
	if !r.answer(binary.BigEndian.Uint64(number[:])) {
		return false // it counts as a message
	}
	r.conn.write.fresh.frames.Add(1)
	r.restartWait()
	return true
}
