package transport

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"backbone/internal/directory"
	"backbone/internal/domain/chat"
	"backbone/internal/domain/common"
	"backbone/internal/domain/trading"
	"backbone/internal/hub"
	"backbone/internal/ingest"
	"backbone/protocol"
)

// handshakeTimeout is that of each instance.
const handshakeTimeout = 10 * time.Second

// settings are what a test changes in an instance; the zero value is the default.
type settings struct {
	queueBytes  int
	instruments int
	hubEvents   chan<- []hub.BroadcastEvent // in place of the hub's
	change      func(*Options)
}

// instance is a server with its real hub and ingest.
type instance struct {
	t        *testing.T
	hub      *hub.Hub
	ingest   *ingest.Ingest
	server   *Server
	listener net.Listener

	endServe context.CancelFunc
	endParts context.CancelFunc // ingest and hub, before their time
	served   chan struct{}      // closed when Serve has returned
	err      error              // what it returned
}

// start runs an instance on l until the test ends.
func start(t *testing.T, l net.Listener, s settings) *instance {
	t.Helper()
	h := hub.New(hub.Options{QueueBytes: cmp.Or(s.queueBytes, 256<<10), Frame: Frame, Stamped: FrameStamped, Conflated: protocol.Conflated, Lost: protocol.Lost})
	events := s.hubEvents
	if events == nil {
		events = h.Events()
	}
	logger := slog.New(slog.DiscardHandler)
	rooms := directory.New()
	in := ingest.New(ingest.Options{
		Instance:       "test",
		TTL:            30 * time.Second,
		MaxInstruments: cmp.Or(s.instruments, 1000),
		Snapshot:       protocol.MarkSnapshot,
		Ends:           protocol.IsRetired,
		NoSnapshot:     protocol.NoSnapshot,
		FeedStatus:     protocol.FeedStatus,
		Types:          []string{protocol.TypePriceUpdate},
		BridgeStatus:   protocol.BridgeStatus,
		Hub:            events,
		Priced:         rooms.Rooms(),
		Logger:         logger,
	})
	o := Options{
		Hub: h, Ingest: in, Directory: rooms,
		Domains: common.NewDomains(trading.PriceUpdate{}, trading.Retire{}, chat.Message{}),
		Web:     http.NotFoundHandler(),
		Limits: Limits{
			PingInterval:   25 * time.Second,
			PongTimeout:    10 * time.Second,
			WriteTimeout:   10 * time.Second,
			MaxRooms:       10_000,
			MaxBadMessages: 1000,

			HandshakeTimeout: handshakeTimeout,
		},
		Logger: logger,
	}
	if s.change != nil {
		s.change(&o)
	}
	i := &instance{t: t, hub: h, ingest: in, server: New(o), listener: l, served: make(chan struct{})}
	ctx, end := context.WithCancel(context.Background())
	serving, endServe := context.WithCancel(context.Background())
	i.endServe, i.endParts = endServe, end
	var parts sync.WaitGroup
	parts.Go(func() { h.Run(ctx) })
	parts.Go(func() { in.Run(ctx) })
	parts.Go(func() { rooms.Run(ctx) })
	go func() {
		i.err = i.server.Serve(serving, l)
		close(i.served)
	}()
	t.Cleanup(func() {
		endServe()
		<-i.served
		if i.err != nil && !errors.Is(i.err, net.ErrClosed) {
			t.Errorf("Serve returned %v", i.err)
		}
		end()
		parts.Wait()
	})
	return i
}

// onPipes runs an instance that is reached by net.Pipe. It belongs into a synctest bubble.
func onPipes(t *testing.T, s settings) *instance {
	t.Helper()
	return start(t, &pipes{conns: make(chan net.Conn), done: make(chan struct{})}, s)
}

// onTCP runs an instance on a free port of the loopback.
func onTCP(t *testing.T, s settings) *instance {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	change := s.change
	s.change = func(o *Options) {
		o.Limits.PingInterval = time.Hour // no test waits for a ping, but some last long on a busy machine
		if change != nil {
			change(o)
		}
	}
	return start(t, l, s)
}

// dial connects without saying anything.
func (i *instance) dial() net.Conn {
	i.t.Helper()
	var c net.Conn
	var err error
	if p, ok := i.listener.(*pipes); ok {
		c, err = p.dial()
	} else {
		c, err = net.Dial("tcp", i.listener.Addr().String())
	}
	if err != nil {
		i.t.Fatal(err)
	}
	i.t.Cleanup(func() { c.Close() })
	return c
}

// publish has events enter as if an ingestor had sent them, one flush each.
func (i *instance) publish(kind hub.Kind, room string, payloads ...string) {
	i.t.Helper()
	p := i.ingest.Publisher("p", "")
	for _, text := range payloads {
		if _, err := p.Publish([]hub.BroadcastEvent{{Room: room, Payload: text, Kind: kind}}); err != nil {
			i.t.Fatal(err)
		}
		i.settle()
	}
}

// settle returns when the hub has routed what was published.
func (i *instance) settle() {
	published := i.ingest.Stats().Published
	for i.hub.Stats().Events < published {
	}
}

// counts are the metrics as they are now, by "name", or "name value" where there is a label.
func (i *instance) counts() map[string]int {
	if isPipes(i) {
		synctest.Wait() // what a peer has read already may be counted a moment later
	}
	all := map[string]int{}
	for _, m := range i.server.Metrics() {
		if m.Label == "" {
			all[m.Name] = int(m.Value(""))
		}
		for _, value := range m.Values {
			all[m.Name+" "+value] = int(m.Value(value))
		}
	}
	return all
}

// waitIdle fails unless all connections end within d.
func (i *instance) waitIdle(d time.Duration) {
	i.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	if err := i.server.Wait(ctx); err != nil {
		i.t.Fatalf("a connection is still open after %v", d)
	}
	if s := i.hub.Stats(); s.Clients != 0 || s.Rooms != 0 || s.Lagging != 0 {
		i.t.Errorf("the hub still has %d clients, %d rooms, %d lagging", s.Clients, s.Rooms, s.Lagging)
	}
	if s := i.counts(); s["connections CONSUMER"] != 0 || s["connections INGESTOR"] != 0 {
		i.t.Errorf("the server still counts %d consumers and %d ingestors", s["connections CONSUMER"], s["connections INGESTOR"])
	}
}

// pipes is a listener whose connections are made with net.Pipe.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
	from  string // address of the next connection
}

func (p *pipes) dial() (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.conns <- addressed{server, cmp.Or(p.from, "192.0.2.1:1234")}:
		return client, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

func (p *pipes) Addr() net.Addr { return address("pipes") }

type address string

func (address) Network() string  { return "pipe" }
func (a address) String() string { return string(a) }

type addressed struct {
	net.Conn
	from string
}

func (a addressed) RemoteAddr() net.Addr { return address(a.from) }

// elapse lets the time of the bubble pass.
func elapse(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
