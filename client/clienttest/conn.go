package clienttest

import (
	"bytes"
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
	out      chan []byte   // to the writer
	written  chan struct{} // closed when the writer has ended

	// Owned by the server's goroutine.
	rooms map[string]bool // joined
}

func newConn(ws *websocket.Conn, ingestor bool) *conn {
	ws.SetReadLimit(protocol.MaxMessageBytes)
	c := &conn{ws: ws, ingestor: ingestor, out: make(chan []byte, queue), written: make(chan struct{}), rooms: map[string]bool{}}
	go c.write()
	return c
}

// send queues a message. Only the server's goroutine may call it.
func (c *conn) send(message []byte) {
	select {
	case c.out <- message:
	default:
		_ = c.ws.CloseNow() // it may be closed already
	}
}

func (c *conn) write() {
	defer close(c.written)
	for message := range c.out {
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
