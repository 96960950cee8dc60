package server

import (
	"context"
	"errors"

	"backbone/internal/config"
)

// Running is an instance that was started. Its methods are safe for concurrent use by
// multiple goroutines.
type Running struct {
	*Server
	stop  context.CancelFunc
	ended chan struct{} // closed once err is set
	err   error         // of Run
}

// ErrNotStarted is returned by Start if its context ended before the instance listened.
var ErrNotStarted = errors.New("the instance was stopped before it listened")

// Start builds an instance, runs it, and returns once it listens. The error is that of New
// or of Run, or ErrNotStarted. The instance ends when ctx ends, when Stop is called, or when
// a part of it fails.
func Start(ctx context.Context, cfg config.Serve, opts Options) (*Running, error) {
	s, err := New(cfg, opts)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	r := &Running{Server: s, stop: stop, ended: make(chan struct{})}
	go func() {
		defer close(r.ended)
		defer stop()
		r.err = s.Run(ctx)
	}()
	select {
	case <-s.Ready():
		return r, nil
	case <-r.ended:
		if r.err == nil { // ctx ended first
			return nil, ErrNotStarted
		}
		return nil, r.err
	}
}

// URL is the address that clients connect to. It is of no use for a Unix socket, which a client has to
// dial by itself.
func (r *Running) URL() string {
	if r.cfg.TLSCert != "" {
		return "wss://" + r.Addr().String() + r.cfg.PathPrefix
	}
	return "ws://" + r.Addr().String() + r.cfg.PathPrefix
}

// Stop ends the instance gracefully and returns what Run has returned. Calling it again
// returns the same.
func (r *Running) Stop() error {
	r.stop()
	return r.Err()
}

// Err waits for the end of the instance and returns what Run has returned.
func (r *Running) Err() error {
	<-r.ended
	return r.err
}
