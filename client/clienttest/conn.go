package clienttest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"time"

	"github.com/coder/websocket"

	"backbone/protocol"
)

// queue is the number of messages that can wait for a client. A client that is further behind
// is disconnected, so that it cannot stop the server.
const queue = 1 << 16

// conn is one client of the server.
type conn struct {
	// Immutable.
	ws       *websocket.Conn
	ingestor bool
	out      chan outgoing // to the writer
	written  chan struct{} // closed when the writer has ended

	// Owned by the server's goroutine.
	rooms    map[string]*member                // joined
	prefixes map[string]protocol.ClientMessage // joined, each as a join to be made for its later rooms
}

// outgoing is something for the writer: a message, or after how long without one it sends a
// heartbeat.
type outgoing struct {
	message   []byte
	heartbeat time.Duration
}

// member is what a client has asked for in a room.
type member struct {
	stamp       bool
	ofPrefix    bool          // it is a member because of a prefix alone
	silentAfter time.Duration // 0: it is not told
	since       time.Time     // when it joined
	silent      bool          // it was told so last
	timer       *time.Timer   // to look whether the room is silent; nil: it is not told
	rate        *rate         // nil: each price
}

// stop ends the membership.
func (m *member) stop() {
	if m.timer != nil {
		m.timer.Stop()
	}
	m.rate.stop()
}

func newConn(ws *websocket.Conn, ingestor bool) *conn {
	ws.SetReadLimit(protocol.MaxMessageBytes)
	c := &conn{ws: ws, ingestor: ingestor, out: make(chan outgoing, queue), written: make(chan struct{}), rooms: map[string]*member{}, prefixes: map[string]protocol.ClientMessage{}}
	go c.write()
	return c
}

// send queues a message. Only the server's goroutine may call it.
func (c *conn) send(message []byte) { c.tell(outgoing{message: message}) }

func (c *conn) tell(what outgoing) {
	select {
	case c.out <- what:
	default:
		_ = c.ws.CloseNow() // it may be closed already
	}
}

func (c *conn) write() {
	defer close(c.written)
	var heartbeat time.Duration
	silence := time.NewTimer(time.Hour)
	defer silence.Stop()
	for {
		var message []byte
		select {
		case what, ok := <-c.out:
			if !ok {
				return
			}
			if message = what.message; what.heartbeat > 0 {
				heartbeat = what.heartbeat
			}
		case now := <-silence.C:
			if heartbeat > 0 {
				message = protocol.ServerMessage{Type: protocol.TypeHeartbeat, At: now.UnixMilli()}.Append(nil)
			}
		}
		silence.Reset(cmp.Or(heartbeat, time.Hour))
		if message == nil {
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		err := c.ws.Write(ctx, websocket.MessageText, message)
		cancel()
		if err != nil {
			_ = c.ws.CloseNow() // ends the reader
			for range c.out {   // until end
			}
			return
		}
	}
}

// serve hands on what the client sends until the connection ends. batch says that the
// messages came as an array.
func (c *conn) serve(handle func(messages []protocol.ClientMessage, batch bool)) {
	for {
		_, b, err := c.ws.Read(context.Background())
		if err != nil {
			return
		}
		var messages []protocol.ClientMessage
		batch := c.ingestor && len(b) > 0 && b[0] == '['
		if !batch {
			b = bytes.Join([][]byte{[]byte("["), b, []byte("]")}, nil)
		}
		if json.Unmarshal(b, &messages) != nil || len(messages) == 0 {
			messages = []protocol.ClientMessage{{}} // has no type, and is rejected
		}
		handle(messages, batch)
	}
}

// end closes the connection. No send may follow.
func (c *conn) end() {
	close(c.out)
	_ = c.ws.CloseNow() // it may be closed already
	<-c.written
}
