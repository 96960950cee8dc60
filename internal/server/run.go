package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"backbone/internal/bridge"
	"backbone/internal/config"
)

// Run listens and serves until ctx ends, then stops gracefully and returns nil. The
// error is that of an address that cannot be listened on, or of a part that failed.
//
// The parts stop in the order in which events flow. So each part is still there for the
// events of the parts before it:
//
//  1. /readyz answers 503, so that a load balancer looks elsewhere. For the drain delay everything
//     else goes on.
//  2. New WebSockets are refused. The clients are told to connect elsewhere, and closed over the drain
//     window. Each first gets what is queued for it.
//  3. When the clients are gone, or the drain time-out has passed, their sockets and the
//     listener are closed. After this, nothing enters.
//  4. The bridge sends what ingest still has for other instances, for two seconds at
//     most, then leaves Redis.
//  5. Ingest and the hub, which have nothing left to do, end.
//  6. The admin listener ends last, so that metrics can be scraped until then.
func (s *Server) Run(ctx context.Context) error {
	public, admin, err := s.listen(ctx)
	if err != nil {
		return err
	}
	var parts stages
	failed := make(chan error, 3)
	if admin != nil {
		parts.start(func(context.Context) {
			if err := s.admin.Serve(admin); !errors.Is(err, http.ErrServerClosed) {
				failed <- fmt.Errorf("admin listener: %w", err)
			}
		}, func() { s.admin.Close() }) // a scrape under way may be cut off
	}
	parts.start(s.reload.Run, nil)
	if s.certs != nil {
		parts.start(s.certs.Run, nil)
	}
	if s.keySet != nil {
		parts.start(s.keySet.Run, nil)
	}
	parts.start(s.memory.Run, nil)
	parts.start(s.awake.Run, nil)
	parts.start(s.hub.Run, nil)
	parts.start(s.ingest.Run, nil)
	parts.start(s.directory.Run, nil)
	if s.bridge != nil {
		parts.start(func(ctx context.Context) {
			if err := s.bridge.Run(ctx); err != nil {
				failed <- fmt.Errorf("bridge: %w", err)
			}
		}, nil)
	}
	if s.upstream != nil {
		parts.start(s.upstream.Run, nil)
	}
	parts.start(s.api.Run, nil)
	parts.start(func(ctx context.Context) {
		if err := s.transport.Serve(ctx, public); err != nil {
			failed <- err
		}
	}, nil)
	s.announce()

	select {
	case <-ctx.Done():
	case <-s.drainAsked:
	case err = <-failed:
	}
	s.stopping.Store(true)
	if err == nil {
		err = s.lameDuck(failed)
	}
	s.log.Info("stopping", "window", s.cfg.DrainWindow, "timeout", s.cfg.DrainTimeout)
	s.drain(&parts)
	parts.stopAll()
	s.log.Info("stopped")
	return err
}

// lameDuck goes on serving for the drain delay, so that load balancers learn that they are to look
// elsewhere before clients are turned away. It ends early with the error of a part that failed.
func (s *Server) lameDuck(failed <-chan error) error {
	if s.cfg.DrainDelay == 0 {
		return nil
	}
	s.log.Info("not ready any more, but still serving", "delay", s.cfg.DrainDelay)
	select {
	case <-time.After(s.cfg.DrainDelay):
		return nil
	case err := <-failed:
		return err
	}
}

// flushTimeout bounds the wait for Redis at a stop. It is separate from the drain time-out,
// because slow clients may have used that up.
const flushTimeout = 2 * time.Second

// drain does the steps of a stop that take time.
func (s *Server) drain(parts *stages) {
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.DrainTimeout)
	defer cancel()
	s.transport.Drain(ctx, min(s.cfg.DrainWindow, s.cfg.DrainTimeout))
	s.ingest.Settle() // the hub has everything that ingestors were told was accepted
	s.hub.CloseAll()
	if err := s.transport.Wait(ctx); err != nil {
		s.log.Warn("some clients did not take what was queued for them in time", "timeout", s.cfg.DrainTimeout)
	}
	parts.stop() // transport
	parts.stop() // api
	if s.bridge != nil {
		s.flush()
	}
}

// flush has the bridge send the events for other instances. It returns immediately if there
// are none and no session works.
func (s *Server) flush() {
	works := func(h bridge.ShardStatus) bool { return h.State == bridge.OK }
	if s.ingest.Stats().OutboxEvents == 0 && !slices.ContainsFunc(s.bridge.Status().Shards, works) {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
	defer cancel()
	err := s.ingest.Flush(ctx)
	if err == nil && s.cfg.RedisStoreInterval > 0 {
		err = s.ingest.Flush(ctx) // the bridge takes it once it has stored what it sent
	}
	if err != nil {
		s.log.Warn("some events did not reach Redis before the stop, or Redis did not confirm them",
			"waiting", s.ingest.Stats().OutboxEvents, "timeout", flushTimeout)
	}
}

func (s *Server) listen(ctx context.Context) (public, admin net.Listener, err error) {
	// Keep-alive probes are off: the server pings its clients itself.
	config := net.ListenConfig{KeepAlive: -1}
	if public, err = s.listenPublic(ctx, &config); err != nil {
		return nil, nil, err
	}
	s.addr = public.Addr()
	if s.cfg.AdminListen == "" {
		return public, nil, nil
	}
	admin, err = config.Listen(ctx, "tcp", s.cfg.AdminListen)
	if err != nil {
		public.Close() // nothing was accepted yet
		return nil, nil, fmt.Errorf("--admin-listen: %w: choose another address, or end what uses this one", err)
	}
	s.adminAddr = admin.Addr()
	return public, admin, nil
}

func (s *Server) announce() {
	listen := s.addr.String()
	if s.addr.Network() == "unix" {
		listen = "unix:" + listen
	}
	args := []any{"listen", listen}
	if s.adminAddr != nil {
		args = append(args, "admin", s.adminAddr.String())
	}
	switch {
	case s.upstream != nil:
		args = append(args, "upstream", s.readOnly)
	case s.bridge == nil:
		args = append(args, "redis", "off")
	default:
		args = append(args, "redis", "on")
	}
	s.log.Info("listening", args...)
	s.announceAccess()
	if s.adminAddr != nil && s.cfg.AdminTokenFile == "" && !config.Loopback(s.cfg.AdminListen) {
		s.log.Warn("other machines can reach --admin-listen, which asks for no credentials: set --admin-token-file, or keep the address private", "admin", s.adminAddr.String())
	}
	close(s.ready)
}

// stages are the parts that run, in the order of their start.
type stages []*stage

type stage struct {
	halt func() // makes the part end
	done sync.WaitGroup
}

// start runs a part until it is stopped: by its context, or by halt where that is not nil.
func (p *stages) start(run func(context.Context), halt func()) {
	ctx, cancel := context.WithCancel(context.Background())
	s := &stage{halt: cancel}
	if halt != nil {
		s.halt = func() { halt(); cancel() }
	}
	s.done.Go(func() { run(ctx) })
	*p = append(*p, s)
}

// stop ends the part that was started last, and waits for it.
func (p *stages) stop() {
	last := (*p)[len(*p)-1]
	*p = (*p)[:len(*p)-1]
	last.halt()
	last.done.Wait()
}

func (p *stages) stopAll() {
	for len(*p) > 0 {
		p.stop()
	}
}
