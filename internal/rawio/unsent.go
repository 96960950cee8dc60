package rawio

import (
	"bytes"
	"errors"
	"sync/atomic"
)

// mostBehind bounds what others than the owner can have wait behind something that waits, bytes.
const mostBehind = 64 << 10

var errTooMuch = errors.New("too much waits to be written")

// Unsent has what a descriptor did not take, in order. One goroutine at a time may Put, one at a time
// may Flush, and both at the same time. The zero value has nothing.
type Unsent struct {
	waiting atomic.Pointer[[]byte] // nil: nothing; made by Put, taken away by Flush once it is written
	behind  int                    // bytes of others that have come to wait since there was nothing; owned by Put
}

// Any reports whether something waits.
func (u *Unsent) Any() bool { return u.waiting.Load() != nil }

// Put has write take p, as much of it as it takes without waiting. The rest waits for Flush. If
// something waits already, p waits behind it. p is not kept. The owner is who calls Flush where
// something waits, and can have any number of bytes wait. The error is that of write, or says that too
// much of others waits.
func (u *Unsent) Put(p []byte, owner bool, write func([]byte) (int, error)) error {
	for {
		before := u.waiting.Load()
		if before == nil {
			u.behind = 0
			n, err := write(p)
			if err == nil && n < len(p) {
				rest := bytes.Clone(p[n:])
				u.waiting.Store(&rest)
			}
			return err
		}
		if !owner {
			if u.behind += len(p); u.behind > mostBehind {
				return errTooMuch
			}
		}
		all := *before
		all = append(all, p...) // Flush reads no further than *before
		if u.waiting.CompareAndSwap(before, &all) {
			return nil
		}
	}
}

// Flush has write take what waits, until nothing does. write takes all that it is given, or fails.
func (u *Unsent) Flush(write func([]byte) error) error {
	for done := 0; ; {
		all := u.waiting.Load()
		if all == nil {
			return nil
		}
		if err := write((*all)[done:]); err != nil {
			return err
		}
		done = len(*all)
		if u.waiting.CompareAndSwap(all, nil) {
			return nil
		}
	}
}
