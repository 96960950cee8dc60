package transport

import (
	"encoding/binary"
	"strconv"
	"time"

	"backbone/internal/domain/common"
	"backbone/internal/frame"
	"backbone/protocol"
)

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
