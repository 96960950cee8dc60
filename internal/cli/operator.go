package cli

import "sync/atomic"

// Wish is what an operator asks of a command that runs on.
type Wish uint8

// The wishes, each with its signal.
const (
	Reload     Wish = iota // SIGHUP: read files again
	LogState               // SIGUSR1: say in the log how things stand
	ToggleLogs             // SIGUSR2: log at the level debug, or as before
)

// Operator carries wishes to the command. Its methods are safe for concurrent use by multiple
// goroutines.
type Operator struct {
	wishes chan Wish
	heeded atomic.Bool
}

// NewOperator returns an Operator whom no command heeds yet.
func NewOperator() *Operator { return &Operator{wishes: make(chan Wish, 16)} }

// Wishes returns what the operator asks for from now on. A command that can fulfil wishes calls it.
func (o *Operator) Wishes() <-chan Wish {
	o.heeded.Store(true)
	return o.wishes
}

// Ask hands a wish to the command, and reports whether the command heeds any. It does not wait: a
// wish behind too many others is dropped.
func (o *Operator) Ask(w Wish) bool {
	if !o.heeded.Load() {
		return false
	}
	select {
	case o.wishes <- w:
	default:
	}
	return true
}
