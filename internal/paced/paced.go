// Package paced does long work piece by piece, one worker at a time, and only for a share of the time.
package paced

import "time"

const (
	// restFor is how much rest a time of work costs: work gets a third of the time.
	restFor = 2
	// credit is how much rest whoever comes after a calm need not take. Work that takes half as
	// long as that is done at once.
	credit = 20 * time.Millisecond
	// leastRest is the shortest rest: a timer is not more exact, and rests are better few than short.
	leastRest = time.Millisecond
	// mostCharged is how long a piece of work counts at most. One that took longer stood still.
	mostCharged = 10 * time.Millisecond
)

// Work is long work that many goroutines have, of which one at a time does its own. Its methods are
// safe for concurrent use by multiple goroutines.
type Work struct {
	// Immutable after New.
	turn chan struct{}   // has one place: for who works
	stop <-chan struct{} // closed when nobody is left to spare

	// Owned by who has the place.
	since time.Time     // until when all is accounted for
	owed  time.Duration // rest; negative: so much work is free of it
}

// New returns work that stops to wait for turns, and to rest, when stop is closed.
func New(stop <-chan struct{}) *Work { return &Work{turn: make(chan struct{}, 1), stop: stop} }

// Begin waits for the caller's turn, in the order in which they came. Meanwhile it calls waits each
// time that it waited for so long, which must not take long, and gives up if waits reports false. It
// reports false if it gave up or stop was closed instead. After true, End must be called.
func (w *Work) Begin(each time.Duration, waits func() bool) bool {
	select {
	case w.turn <- struct{}{}: // no timer for the usual case
	default:
		if !w.queue(each, waits) {
			return false
		}
	}
	w.idle()
	w.rest()
	return true
}

// queue waits in a goroutine of its own, which keeps its place however often it waited for so long.
func (w *Work) queue(each time.Duration, waits func() bool) bool {
	begun, givesUp := make(chan bool, 1), make(chan struct{})
	go func() {
		select {
		case w.turn <- struct{}{}:
			begun <- true
		case <-w.stop:
			begun <- false
		case <-givesUp:
			begun <- false
		}
	}()
	every := time.NewTicker(each)
	defer every.Stop()
	for {
		select {
		case turn := <-begun:
			return turn
		case <-every.C:
			if waits() {
				continue
			}
			close(givesUp)
			if <-begun { // at that moment
				<-w.turn
			}
			return false
		}
	}
}

// Pause is called between two pieces of work, the shorter the better. It rests if the work had more
// than its share of the time, unless stop is closed.
func (w *Work) Pause() {
	w.charge()
	w.rest()
}

// End lets the next one begin, who rests for what is still owed.
func (w *Work) End() {
	w.charge()
	<-w.turn
}

// charge accounts for the time since then as work.
func (w *Work) charge() {
	now := time.Now()
	w.owed += restFor * min(now.Sub(w.since), mostCharged)
	w.since = now
}

// idle accounts for the time since then as rest.
func (w *Work) idle() {
	now := time.Now()
	w.owed = max(w.owed-now.Sub(w.since), -credit)
	w.since = now
}

func (w *Work) rest() {
	if w.owed < leastRest {
		return
	}
	over := time.NewTimer(w.owed)
	defer over.Stop()
	select {
	case <-over.C:
	case <-w.stop:
	}
	w.idle()
}
