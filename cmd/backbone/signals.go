package main

import (
	"os"
	"os/signal"
	"syscall"

	"backbone/internal/cli"
	"backbone/internal/telemetry"
)

// signals are those that the program takes notice of. Those of an operator's habits are among them,
// because by default they end a program.
type signals struct {
	// Immutable.
	incoming  chan os.Signal
	operator  *cli.Operator
	nohup     bool       // SIGHUP was ignored when the program started
	terminals []*os.File // the standard streams that were a terminal then

	// Owned by the goroutine of handle.
	stopping bool
}

func newSignals(operator *cli.Operator) *signals {
	s := &signals{incoming: make(chan os.Signal, 16), operator: operator, nohup: signal.Ignored(syscall.SIGHUP)}
	for _, f := range []*os.File{os.Stdin, os.Stdout, os.Stderr} {
		if telemetry.IsTerminal(f) {
			s.terminals = append(s.terminals, f)
		}
	}
	// If the reader of a pipe closes its end, a write fails with an error and no signal ends
	// the program.
	signal.Ignore(syscall.SIGPIPE)
	signal.Notify(s.incoming, os.Interrupt, syscall.SIGTERM)
	for sig := range wishes() {
		signal.Notify(s.incoming, sig)
	}
	return s
}

// handle handles signals for as long as the program runs. The first that asks for its end calls
// stop, a second one now.
func (s *signals) handle(stop, now func()) {
	var early []os.Signal // that mean something else to each command
	known := s.operator.Known()
	for {
		select {
		case sig, more := <-s.incoming:
			if !more {
				return
			}
			if _, is := wishes()[sig]; !is || known == nil {
				s.one(sig, stop, now)
			} else if len(early) < cap(s.incoming) {
				early = append(early, sig)
			}
		case <-known:
			known = nil
			for _, sig := range early {
				s.one(sig, stop, now)
			}
		}
	}
}

// one handles a signal, once the command is known or for one that all commands take alike.
func (s *signals) one(sig os.Signal, stop, now func()) {
	wish, is := wishes()[sig]
	hangup := sig == syscall.SIGHUP
	switch {
	case is && (!hangup || !s.terminalClosed()) && s.operator.Ask(wish):
	case is && (!hangup || s.nohup):
	case !s.stopping:
		s.stopping = true
		stop()
	case hangup: // a closing terminal sends it several times, and asks for no haste
	default:
		now()
	}
}

// terminalClosed reports whether a terminal that the program had is one no more.
func (s *signals) terminalClosed() bool {
	for _, f := range s.terminals {
		if !telemetry.IsTerminal(f) {
			return true
		}
	}
	return false
}
