package transport

import (
	"sync"

	"backbone/internal/hub"
)

// writer is a goroutine that writes for many connections: what their kernels take at
// once. A connection for which that is not enough gets a goroutine for its WritePump until
// it is. So a flush to a thousand consumers wakes one goroutine for each core and not a
// thousand, and a connection that is idle has no stack for its WritePump.
type writer struct {
	// Immutable after newWriter.
	ready *hub.Ready // whose queues have got something
	calls chan call  // a reply waits, or a WritePump's goroutine ends
	stop  <-chan struct{}
	goes  *sync.WaitGroup // of the WritePumps' goroutines
	sent  sent
}

// call tells a writer of one of its connections.
type call struct {
	conn *conn
	rest bool // its WritePump's goroutine has nothing to wait for any more
}

const callPlaces = 64

func newWriter(stop <-chan struct{}, goes *sync.WaitGroup) *writer {
	return &writer{ready: hub.NewReady(), calls: make(chan call, callPlaces), stop: stop, goes: goes}
}

func (w *writer) run() {
	for {
		select {
		case list := <-w.ready.Lists():
			for _, c := range list {
				c := c.Owner().(*conn) //nolint:forcetypeassert // set where the client is made
				if !c.pumped && !c.writeQueued() {
					w.pump(c)
				}
			}
			w.ready.Done(list)
		case call := <-w.calls:
			c := call.conn
			c.pumped = c.pumped && !call.rest
			if !c.pumped && !(c.writeReplies() && c.writeQueued()) {
				w.pump(c)
			}
		case <-w.stop:
			return
		}
	}
}

// pump has c's WritePump go on in a goroutine.
func (w *writer) pump(c *conn) {
	c.pumped = true
	w.goes.Go(c.WritePump)
}
