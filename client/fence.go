package client

import (
	"context"
	"strconv"
	"time"

	"backbone/protocol"
)

// fenceID is the id of a fence's ping, with a number behind it.
const fenceID = "fence"

// fence is a point on a connection. Until it is lifted, nothing is written behind it but what is urgent.
type fence struct {
	id     string
	passed chan struct{} // closed by the reader: all requests before it have their replies

	sent bool // the ping was; owned by the writer

	// Owned by the reader.
	answered bool     // the ping was
	overlap  []string // what has no stamp and came since
}

// fence has no request written to conn until lift, and returns when all that were have their replies. It is
// false if that did not come about. Then requests may be on their way still.
func (s *session) fence(ctx context.Context, conn *connection) bool {
	f := &fence{id: fenceID + strconv.FormatUint(s.lastID.Add(1), 10), passed: make(chan struct{})}
	conn.fence.Store(f)
	conn.signalUrgent()
	late := time.NewTimer(moveTimeout)
	defer late.Stop()
	select {
	case <-f.passed:
		return true
	case <-conn.readDone: // of a server that has said everything
	case <-late.C:
	case <-ctx.Done():
	}
	return false
}

// lift has requests written again.
func (conn *connection) lift() {
	conn.fence.Store(nil)
	conn.signalUrgent()
}

// frozenWriter writes only what is urgent, until requests are to be written again or the connection ends.
func (s *session) frozenWriter(conn *connection) error {
	conn.wire.more.Store(false)
	for f := conn.fence.Load(); f != nil; f = conn.fence.Load() {
		if err := conn.writeUrgent(); err != nil {
			return err
		}
		if !f.sent {
			f.sent = true
			if err := conn.writeText(encode(protocol.ClientMessage{Type: protocol.TypePing, ID: f.id})); err != nil {
				return err
			}
		}
		select {
		case <-conn.urgent:
		case <-conn.quit:
			return nil
		case <-s.ctx.Done(): // what is queued is still written
			conn.fence.Store(nil)
		}
	}
	return nil
}

// passFence notes the id of a reply. The fence is passed once its ping was answered and there is no reply to
// come any more.
func (conn *connection) passFence(id string) {
	f := conn.fence.Load()
	if f == nil {
		return
	}
	switch f.answered = f.answered || f.id == id; {
	case !f.answered, len(conn.waiting) > 0, len(conn.inflight) > 0:
		return
	}
	select {
	case <-f.passed:
	default:
		close(f.passed)
	}
}
