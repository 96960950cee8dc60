package cli

import "sync"

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
	known  chan struct{} // closed once it is known whether the command heeds wishes
	decide sync.Once     // sets heeded and closes known
	heeded bool          // set before known is closed
}

// NewOperator returns an Operator of a command that is not known yet.
func NewOperator() *Operator {
	return &Operator{wishes: make(chan Wish, 16), known: make(chan struct{})}
}

// Wishes returns what the operator asks for. A command that can fulfil wishes calls it first of all.
func (o *Operator) Wishes() <-chan Wish {
	o.settle(true)
	return o.wishes
}

// Decline says that the command fulfils no wishes.
func (o *Operator) Decline() { o.settle(false) }

func (o *Operator) settle(heeded bool) {
	o.decide.Do(func() {
		o.heeded = heeded
		close(o.known)
	})
}

// Known is closed once it is known whether the command heeds wishes: Ask is called from then on.
func (o *Operator) Known() <-chan struct{} { return o.known }

// Ask hands a wish to the command, and reports whether the command heeds any. It does not wait: a
// wish behind too many others is dropped.
func (o *Operator) Ask(w Wish) bool {
	<-o.known
	if !o.heeded {
		return false
	}
	select {
	case o.wishes <- w:
	default:
	}
	return true
}
