package transport

import (
	"sync"

	"backbone/internal/hub"
)

// writer is a goroutine that writes for many connections: what their kernels take at
// once. A connection for which that is not enough gets a goroutine for its WritePump until
// it is. So a flush to a thousand consumers wakes one goroutine for each core and not a
// thousand, and a connection that is idle has no stack for its WritePump.
//
// It waits for nobody, so that none of its connections can make the others wait.
type writer struct {
	// Immutable after newWriter.
	ready *hub.Ready      // whose queues have got something
	calls chan call       // a reply waits, or a WritePump's goroutine ends
	stop  <-chan struct{} // closed when nothing is left to write
	goes  *sync.WaitGroup // of the WritePumps' goroutines

	sent sent // safe at once
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
			for _, client := range list {
				w.queued(client.Owner().(*conn)) //nolint:forcetypeassert // set where the client is made
				if len(w.calls) > 0 {            // by turns: a list may be long, and calls without end
					w.called(<-w.calls)
				}
			}
			w.ready.Done(list)
		case c := <-w.calls:
			w.called(c)
		case <-w.stop:
			return
		}
	}
}

// queued writes what the hub has queued for c.
func (w *writer) queued(c *conn) {
	if !c.pumped && !c.writeQueued(false) {
		w.pump(c)
	}
}

// called writes the replies that wait for a connection, and what was queued while its
// WritePump had a goroutine.
func (w *writer) called(by call) {
	c := by.conn
	if c.pumped && !by.rest {
		return
	}
	c.pumped = false
	if c.writeReplies() {
		w.queued(c)
	} else {
		w.pump(c)
	}
}

// pump has c's WritePump go on in a goroutine.
func (w *writer) pump(c *conn) {
	c.pumped = true
	w.goes.Go(c.WritePump)
}
