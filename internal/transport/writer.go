package transport

import (
	"sync"
	"time"

	"backbone/internal/hub"
)

// writer is a goroutine that runs the steps of many write sides: it writes what their kernels
// take without waiting. A write side that needs more than that gets a goroutine for its
// WritePump until it does not. So a flush to a thousand consumers wakes one goroutine for each
// core instead of a thousand, and an idle connection has no stack for its WritePump.
//
// A writer waits for nobody, so that none of its connections can make the others wait.
type writer struct {
	// Immutable after newWriter.
	ready   *hub.Ready      // brings the clients whose queues have got something
	notices chan notice     // from read sides and from WritePumps that end
	stop    <-chan struct{} // closed when nothing is left to write
	goes    *sync.WaitGroup // of the WritePumps' goroutines

	tick    *time.Timer  // runs while sides are watched; owned by run
	watched []*writeSide // whose windows have to be looked at; owned by run
	looked  []*writeSide // empty, to be used again; owned by run

	beat   *time.Timer   // runs while there are heartbeats; owned by run
	beatAt time.Duration // when beat fires, 0: never; owned by run
	beats  beats         // owned by run

	sent sent // safe for concurrent use by multiple goroutines
}

// notice tells a writer about one of its write sides: a reply waits, or its WritePump's goroutine
// ends.
type notice struct {
	side     *writeSide
	pumpEnds bool
}

const noticePlaces = 64

func newWriter(stop <-chan struct{}, goes *sync.WaitGroup) *writer {
	return &writer{ready: hub.NewReady(), notices: make(chan notice, noticePlaces), stop: stop, goes: goes}
}

func (w *writer) run() {
	w.tick = time.NewTimer(time.Hour)
	w.beat = time.NewTimer(time.Hour)
	defer w.tick.Stop()
	defer w.beat.Stop()
	for {
		select {
		case list := <-w.ready.Lists():
			for _, client := range list {
				w.queued(client.Owner().(*writeSide)) //nolint:forcetypeassert // newConn made it the owner
				if len(w.notices) > 0 {               // by turns: a list can be long, and notices without end
					w.noticed(<-w.notices)
				}
			}
			w.ready.Done(list)
		case n := <-w.notices:
			w.noticed(n)
		case <-w.tick.C:
			w.look()
		case <-w.beat.C:
			w.beatAll()
		case <-w.stop:
			return
		}
	}
}

// queued runs a step for what the hub has queued.
func (w *writer) queued(side *writeSide) {
	if !side.pumping {
		w.supply(side, side.writeQueued())
	}
}

// noticed runs a step for the replies that wait, and for what was queued while the WritePump had
// a goroutine.
func (w *writer) noticed(n notice) {
	if n.side.pumping && !n.pumpEnds {
		return
	}
	n.side.pumping = false
	w.supply(n.side, n.side.step())
}

// supply starts a goroutine for the WritePump of a side that needs to wait.
func (w *writer) supply(side *writeSide, n need) {
	if n != needNothing {
		w.beatNoMore(side.beat)
		side.pumping = true
		w.goes.Go(side.WritePump)
		return
	}
	if b := side.beating(); b != nil {
		w.beatLater(b)
	}
	if f := side.bound(); f != nil && !f.watched && f.window.Watched() {
		f.watched = true
		w.watched = append(w.watched, side)
		if len(w.watched) == 1 {
			w.tick.Reset(tickEvery)
		}
	}
}

// look has each side that is watched look at its window.
func (w *writer) look() {
	sides := w.watched
	w.watched, w.looked = w.looked, nil
	for _, side := range sides {
		if f := side.fresh; f != nil {
			f.watched = false
		}
		if !side.pumping { // or else it is watched again once its WritePump has no goroutine
			w.supply(side, side.tick())
		}
	}
	clear(sides)
	w.looked = sides[:0]
}
