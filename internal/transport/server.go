// Package transport is the WebSocket side of an instance. It accepts connections, upgrades those
// that ask for a WebSocket, and runs a ReadPump and a WritePump for each. It is the only server
// package that touches a socket.
//
// The ReadPump reads frames, has the domains validate messages, asks the hub for joins and
// leaves, and gives events to ingest. Its read deadline also keeps the connection alive. The
// WritePump writes the batches that the hub queues for the client and the replies of the
// ReadPump. It joins what waits into one write, and never waits for more to come.
//
// A ReadPump has a goroutine. A WritePump has one only while it must wait: what a kernel takes
// without waiting is written by a writer, of which there is one for each core.
//
// A connection belongs to its read side. Whichever side fails first, the ReadPump's goroutine
// sees both end, closes the socket and takes the client out of the hub.
//
// DESIGN.md has the states of a connection, who owns them, and how a connection ends.
package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"backbone/internal/auth"
	"backbone/internal/credit"
	"backbone/internal/directory"
	"backbone/internal/domain/common"
	"backbone/internal/drain"
	"backbone/internal/hub"
	"backbone/internal/ingest"
	"backbone/internal/oldest"
	"backbone/internal/paced"
	"backbone/internal/proxied"
	"backbone/internal/refusals"
)

// Options are what a Server is built from.
type Options struct {
	Hub     *hub.Hub
	Ingest  *ingest.Ingest
	Domains common.Domains
	Web     http.Handler // of requests that are not for a WebSocket

	Access *auth.Access // nil: nobody needs credentials
	// Directory tells which rooms come. It is not used where NoRooms says anything.
	Directory *directory.Directory
	// NoRooms says why this instance does not tell which rooms there are; "": it does.
	NoRooms string
	// ReadOnly names the server to publish to, because this one takes no events; "": it takes them.
	ReadOnly string
	Origins  auth.Origins
	// OneMachine says that only this machine can connect, and that no proxy is known.
	OneMachine bool
	TLS        *tls.Config // nil: plain
	Proxies    proxied.Rules
	// PathPrefix is in front of the paths of WebSockets, "" for nothing.
	PathPrefix string

	Limits           Limits
	Short            func() bool   // whether memory is short, so that newcomers are refused; nil: it never is
	MaxConnectionAge time.Duration // about how old a WebSocket may grow; 0: as old as it likes

	Logger *slog.Logger
}

// Server accepts connections and runs their pumps. Its methods are safe for concurrent use by
// multiple goroutines; Serve is called once.
type Server struct {
	// Immutable after New.
	opts     Options
	log      *slog.Logger
	arena    *arena
	registry *registry
	writers  []*writer
	stop     chan struct{} // closed when nothing is left to write
	stats    *counters
	refusals *refusals.Log
	oldest   *oldest.Log
	closing  chan struct{} // closed when all sockets are to be closed
	begin    time.Time
	joins    *paced.Work // long joins
	leaves   *paced.Work // leaving many rooms at the end of a connection
	sent     sent        // by WritePumps without a writer

	next     atomic.Uint32  // counts connections, to distribute them among the writers
	draining atomic.Bool    // set once
	goes     sync.WaitGroup // of the connections' goroutines
	web      *web           // set by Serve before anything is accepted
}

// New returns a server that does nothing until Serve.
func New(opts Options) *Server {
	s := &Server{
		opts:    opts,
		log:     opts.Logger,
		arena:   newArena(),
		closing: make(chan struct{}),
		stop:    make(chan struct{}),
		begin:   time.Now(),
	}
	s.joins, s.leaves = paced.New(s.closing), paced.New(s.closing)
	writes := []*sent{&s.sent}
	for range runtime.GOMAXPROCS(0) {
		w := newWriter(s.stop, &s.goes)
		s.writers = append(s.writers, w)
		writes = append(writes, &w.sent)
	}
	s.stats = newCounters(writes)
	s.refusals = refusals.New(s.log, s.stats.kinds()...)
	s.oldest = oldest.New(s.log, opts.Hub)
	s.registry = newRegistry(&s.opts.Limits, opts.Access, s.stats, s.refusals)
	return s
}

// Serve accepts connections from l until ctx ends. It then closes the connections that are left,
// and returns when no goroutine of a connection runs any more. The error is that of a listener
// that failed by itself.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.web = newWeb(s.opts.Web, l.Addr(), s.opts.Limits.HandshakeTimeout, s.log, s.registry.leave)
	var parts sync.WaitGroup
	parts.Go(s.registry.run)
	parts.Go(func() { s.refusals.Run(s.stop) })
	parts.Go(func() { s.oldest.Run(s.stop) })
	for _, w := range s.writers {
		parts.Go(w.run)
	}
	unhook := context.AfterFunc(ctx, func() { l.Close() }) // ends acceptAll
	err := s.acceptAll(ctx, l)
	unhook()
	l.Close()
	close(s.closing) // first, as visits wait for it, too
	err = errors.Join(err, s.web.stop())
	s.registry.closing <- struct{}{} // ends the handshakes under way, too
	s.goes.Wait()
	close(s.registry.stop)
	close(s.stop)
	parts.Wait()
	return err
}

func (s *Server) acceptAll(ctx context.Context, l net.Listener) error {
	pause := time.Duration(0)
	for {
		c, err := l.Accept()
		switch {
		case err == nil:
			pause = 0
			p := s.place(c)
			s.registry.come(p)
			s.goes.Go(func() { s.accept(p) })
			continue
		case ctx.Err() != nil:
			return nil //nolint:nilerr // the listener was closed because ctx has ended
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("accept: %w", err)
		}
		// Out of descriptors, or the connection was gone again: go on, but not too fast.
		pause = min(max(2*pause, 5*time.Millisecond), time.Second)
		if (errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)) && s.registry.noDescriptor() > 0 {
			pause = 0
		}
		s.refusals.Tell(notAccepted, "error", err, "pause", pause)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil
		}
	}
}

// noDescriptor pushes out connections because none can be accepted, and returns how many.
func (r *registry) noDescriptor() int {
	n := make(chan int, 1)
	r.lacks <- n
	return <-n
}

// place makes what is kept of a connection from its accept on.
func (s *Server) place(c net.Conn) *place {
	p := &place{conn: c, peer: proxied.Peer(c), opening: &patient{Conn: c, until: time.Now().Add(s.opts.Limits.HandshakeTimeout), most: s.opts.Limits.HandshakeTimeout}}
	if s.opts.Proxies.Direct(p.peer.Addr()) {
		p.addr = proxied.Key(p.peer.Addr())
	}
	if tcp, ok := c.(*net.TCPConn); ok && s.opts.Limits.SocketSendBuffer > 0 {
		if err := tcp.SetWriteBuffer(s.opts.Limits.SocketSendBuffer); err != nil {
			s.log.Warn("the send buffer of a connection could not be set", "error", err)
		}
	}
	if s.opts.TLS != nil {
		p.conn = tls.Server(newUnderTLS(p.opening, s.opts.Limits.WriteTimeout), s.opts.TLS)
	}
	return p
}

// Recheck has all connections be looked at because what Options.Access says may have changed. Those
// whose credentials are not good any more are closed. It does not wait.
func (s *Server) Recheck() {
	select {
	case s.registry.rechecks <- struct{}{}:
	default: // one look that is yet to begin is enough
	}
}

func (s *Server) webSockets(ctx context.Context) ([]*conn, error) {
	list := make(chan []*conn, 1)
	select {
	case s.registry.lists <- list:
		return <-list, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Drain refuses new WebSockets from now on. It tells the clients to connect elsewhere, and closes them
// over the window. It returns when no connection is open, when the window is over, or when ctx ends. Who
// is still there is for the hub to close. Serve must be running.
func (s *Server) Drain(ctx context.Context, window time.Duration) {
	s.draining.Store(true)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	all, err := s.webSockets(ctx)
	if err != nil {
		return
	}
	var idle sync.WaitGroup
	idle.Go(func() {
		_ = s.Wait(ctx) // fails once the window is over
		cancel()
	})
	drain.Spread(ctx, all, window)
	cancel()
	idle.Wait()
}

// Wait returns when no connection is open, or ctx ends. Serve must be running.
func (s *Server) Wait(ctx context.Context) error {
	idle := make(chan struct{})
	select {
	case s.registry.idles <- idle:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Ages returns how old what consumers read was.
func (s *Server) Ages() *credit.Ages { return &s.stats.age }

// ToWrite returns how long it took from when a price was taken in until a socket had taken it, for one
// batch in 64 of each connection.
func (s *Server) ToWrite() *credit.Ages { return &s.stats.toWrite }

// Metrics returns all that the server counts.
func (s *Server) Metrics() []*Metric { return s.stats.all }

// joinBytes is the place to join queued batches: below hub.MaxWrite one more is added.
const joinBytes = 2 * hub.MaxWrite

// arena holds the memory that connections share by turns.
type arena struct {
	scratch sync.Pool // of *scratch
	joined  sync.Pool // of *[]byte, to join queued batches for one write
	heads   sync.Pool // of *[headBytes]byte, to read the head of a request into
}

func newArena() *arena {
	return &arena{
		scratch: sync.Pool{New: func() any { return &scratch{decoder: common.NewDecoder()} }},
		joined:  sync.Pool{New: func() any { b := make([]byte, 0, joinBytes); return &b }},
		heads:   sync.Pool{New: func() any { return new([headBytes]byte) }},
	}
}
