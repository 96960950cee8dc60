package redundant

import (
	"context"
	"sync/atomic"

	"backbone/client"
)

// worker keeps one line.
type worker struct {
	// Immutable.
	conn       *Conn
	index      int
	url        string
	opt        client.ConnOptions
	keepTrying bool
	work       chan work // from run, which waits for the report on it before the next

	line atomic.Pointer[client.Conn] // once there is one; set by run
}

// work is rooms that a line has to leave, and others that it has to join.
type work struct{ leave, join []string }

// run connects, and then moves events and does what work there is, until the line ends.
func (w *worker) run() {
	ctx := w.conn.ctx
	line, err := client.Dial(ctx, w.url, &w.opt)
	if err != nil {
		w.tell(func() { w.conn.lineEnded(w.index, err) })
		return
	}
	w.line.Store(line)
	defer line.Close()
	working, stop := context.WithCancel(ctx)
	worked := make(chan struct{})
	go func() {
		defer close(worked)
		w.doWork(working, line)
	}()
	for open := true; open; {
		var ev client.Event
		select {
		case ev, open = <-line.Events():
			open = open && w.tell(func() { w.conn.hear(w.index, ev) })
		case <-ctx.Done():
			open = false
		}
	}
	stop()
	<-worked
	w.tell(func() { w.conn.lineEnded(w.index, line.Err()) })
}

// tell has the Conn run f. It is false once that is closed.
func (w *worker) tell(f func()) bool {
	select {
	case w.conn.in <- f:
		return true
	case <-w.conn.ctx.Done():
		return false
	}
}

// doWork does one work after the other.
func (w *worker) doWork(ctx context.Context, line *client.Conn) {
	for {
		select {
		case todo := <-w.work:
			_ = line.Leave(ctx, todo.leave...) // a room that the line had not joined is as it should be
			err := line.JoinWith(ctx, client.JoinOptions{Stamp: true}, todo.join...)
			// Also while the program takes no events: it may wait for the reply to a Join.
			_ = w.conn.do(ctx, func() { w.conn.worked(w.index, todo, err) }) // fails at the end
		case <-ctx.Done():
			return
		}
	}
}
