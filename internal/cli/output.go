package cli

import (
	"context"
	"errors"
	"os"
	"sync/atomic"
	"time"
)

// lastWrites bounds the wait for the reader of standard output once the program is to end.
const lastWrites = time.Second

// ErrStalled is a write to standard output that its reader did not take although the program
// was to end.
var ErrStalled = errors.New("nobody reads standard output: what was not read yet is lost")

// Output is standard output. A write waits for a slow reader as long as the program runs, and
// not much longer: a full pipe or a stopped terminal does not keep the program from ending.
// The methods are safe for concurrent use by multiple goroutines.
type Output struct {
	file *os.File
	turn chan struct{} // holds a token while a write is under way
	over chan struct{} // closed when no write is waited for any more
	lost atomic.Bool   // a write was not waited for
	by   atomic.Int64  // the thread that writes; set by the write that is under way
}

// NewOutput is an output to the file of a program that is to end when ctx ends.
func NewOutput(ctx context.Context, file *os.File) *Output {
	o := &Output{file: file, turn: make(chan struct{}, 1), over: make(chan struct{})}
	context.AfterFunc(ctx, func() {
		time.AfterFunc(lastWrites, func() { close(o.over) })
	})
	return o
}

// Write writes all of p. With ErrStalled it is not known how much of p the reader gets.
func (o *Output) Write(p []byte) (int, error) {
	select {
	case o.turn <- struct{}{}:
	case <-o.over:
		o.lost.Store(true)
		return 0, ErrStalled
	}
	type result struct {
		n   int
		err error
	}
	done := make(chan result, 1)
	go func() { // nothing can break off a write that blocks
		o.by.Store(thread())
		n, err := o.file.Write(p)
		<-o.turn
		done <- result{n, err}
	}()
	select {
	case r := <-done:
		return r.n, r.err
	case <-o.over:
		o.lost.Store(true)
		return 0, ErrStalled
	}
}

// restoreWait bounds Restore.
const restoreWait = 500 * time.Millisecond

// Restore writes p to a terminal that did not take a write in time. What the terminal has not taken is thrown
// away for it, where the system can do that. If no write was lost it does nothing. No write follows it.
func (o *Output) Restore(p []byte) {
	if !o.lost.Load() {
		return
	}
	late := time.After(restoreWait)
	for stuck := true; stuck; {
		discard(o.file, o.by.Load())
		select {
		case o.turn <- struct{}{}: // the write that was stuck has ended
			stuck = false
		case <-late:
			return
		case <-time.After(time.Millisecond):
		}
	}
	discard(o.file, o.by.Load()) // its end may have filled the terminal again; nothing of p is there yet
	written := make(chan struct{})
	go func() { // ends with the program, if the terminal stays stuck
		_, _ = o.file.Write(p)
		close(written)
	}()
	select {
	case <-written:
	case <-late:
	}
}

// Read, Close and Fd are those of the file, by which a terminal is recognised.
func (o *Output) Read(p []byte) (int, error) { return o.file.Read(p) }

// Close closes the file.
func (o *Output) Close() error { return o.file.Close() }

// Fd is the file's descriptor.
func (o *Output) Fd() uintptr { return o.file.Fd() }
