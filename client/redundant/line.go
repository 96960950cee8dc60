package redundant

import (
	"context"
	"errors"
	"fmt"

	"backbone/client"
)

// maxRequests bounds the requests that wait for a line without a connection. More block.
const maxRequests = 64

// worker keeps one line.
type worker struct {
	// Immutable.
	conn       *Conn
	index      int
	url        string
	opt        client.ConnOptions
	keepTrying bool
	requests   chan request // to this line, in order
}

// request is a join or a leave.
type request struct {
	send   func(ctx context.Context, line *client.Conn) error
	answer chan<- error // has a place
}

// request sends a request on every line and returns the first answer.
func (c *Conn) request(ctx context.Context, send func(context.Context, *client.Conn) error) error {
	answers := make(chan error, len(c.lines))
	for _, w := range c.lines {
		select {
		case w.requests <- request{send, answers}:
		case <-ctx.Done():
			return fmt.Errorf("redundant: not sent on every line: %w", context.Cause(ctx))
		case <-c.ctx.Done():
			return client.ErrClosed
		}
	}
	select {
	case err := <-answers:
		return err
	case <-ctx.Done():
		return fmt.Errorf("redundant: no reply yet, the request may have been carried out: %w", context.Cause(ctx))
	case <-c.ctx.Done():
		return client.ErrClosed
	}
}

// run connects, and then moves events and requests, until the line ends.
func (w *worker) run() {
	ctx := w.conn.ctx
	line, err := client.Dial(ctx, w.url, &w.opt)
	if err != nil {
		w.tell(func() { w.conn.lineEnded(w.index, err) })
		return
	}
	defer line.Close()
	sending, stop := context.WithCancel(ctx)
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		w.send(sending, line)
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
	<-sent
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

// send sends the requests, one after the other.
func (w *worker) send(ctx context.Context, line *client.Conn) {
	for {
		select {
		case r := <-w.requests:
			err := r.send(ctx, line)
			r.answer <- err
			for _, refused := range refusals(err) {
				w.tell(func() { w.conn.hear(w.index, refused) })
			}
		case <-ctx.Done():
			return
		}
	}
}

// refusals is what a server has refused, as events.
func refusals(err error) (list []*client.RequestError) {
	if some, ok := errors.AsType[*client.JoinError](err); ok {
		for _, r := range some.Rejected {
			list = append(list, &client.RequestError{Code: r.Code, Message: r.Message, Index: -1})
		}
	} else if one, ok := errors.AsType[*client.RequestError](err); ok {
		list = append(list, one)
	}
	return list
}
