// Package server is the composition root: it builds every part of an instance from
// its configuration, and owns the order in which they start and stop.
package server

import (
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"backbone/internal/admin"
	"backbone/internal/auth"
	"backbone/internal/awake"
	"backbone/internal/bridge"
	"backbone/internal/certs"
	"backbone/internal/config"
	"backbone/internal/directory"
	"backbone/internal/domain/chat"
	"backbone/internal/domain/common"
	"backbone/internal/domain/trading"
	"backbone/internal/httpapi"
	"backbone/internal/hub"
	"backbone/internal/ingest"
	"backbone/internal/memory"
	"backbone/internal/reload"
	"backbone/internal/telemetry"
	"backbone/internal/transport"
	"backbone/internal/upstream"
	"backbone/protocol"
)

// domains are the domains of the backbone. If chatting is false no client's chat message is taken; those of
// other instances are, so what comes from them is held to domains(true).
func domains(chatting bool) common.Domains {
	return common.NewDomains(
		trading.PriceUpdate{},
		trading.Retire{},
		chat.Message{Off: !chatting},
	)
}

// Options are what an instance takes in addition to its configuration.
type Options struct {
	Logger     *slog.Logger
	LogDropped func() uint64 // how many entries the log has dropped; nil: it drops none
	Version    string        // of the program, for the metrics
}

// Server is one instance. Run is called once. The other methods are safe for concurrent use
// by multiple goroutines.
type Server struct {
	// Immutable after New.
	cfg       config.Serve
	log       *slog.Logger
	hub       *hub.Hub
	ingest    *ingest.Ingest
	directory *directory.Directory
	bridge    *bridge.Bridge     // nil: there is no Redis
	upstream  *upstream.Upstream // nil: this is no edge
	readOnly  string             // where to publish instead; "": here
	transport *transport.Server
	api       *httpapi.API
	memory    *memory.Limit // nil: none
	awake     *awake.Watch
	access    *auth.Access
	keySet    *auth.KeySet // nil: the keys of tokens are in a file, or there are none
	admin     *http.Server
	reload    *reload.Reloader
	certs     *certs.Store // nil: plain connections
	began     time.Time

	adminToken admin.Token   // of the admin pages
	looking    chan struct{} // has one place: for the admin page that is being answered
	drainAsked chan struct{} // has one place: POST /drain
	name       string        // of this instance, for operators
	stopping   atomic.Bool   // set once, by Run: load balancers are to look elsewhere

	// Set by Run before ready is closed.
	addr, adminAddr net.Addr
	ready           chan struct{}
}

// New builds an instance. The error is one line for an operator. It is a *config.Error if
// the configuration is wrong, and any other error if the machine refuses something.
func New(cfg config.Serve, opts Options) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, log: opts.Logger, ready: make(chan struct{}), reload: reload.New(opts.Logger), began: time.Now(),
		looking: make(chan struct{}, 1), drainAsked: make(chan struct{}, 1), name: cfg.Name()}
	if err := s.buildAccess(); err != nil {
		return nil, err
	}
	certificates, err := s.certificates()
	if err != nil {
		return nil, err
	}
	s.hub = hub.New(hub.Options{
		QueueBytes: cfg.ClientQueueBytes, Frame: transport.Frame, Stamped: transport.FrameStamped, Conflated: protocol.Conflated, Lost: protocol.Lost,
	})
	s.directory = directory.New()
	if err := s.buildRouting(); err != nil {
		return nil, err
	}
	s.memory = memory.New(int64(cfg.MemoryLimit), s.log)
	s.awake = awake.NewWatch(s.log)
	origins := auth.NewOrigins(cfg.AllowedOrigins)
	s.api = httpapi.New(httpapi.Options{
		Hub: s.hub, Ingest: s.ingest, Limits: transport.Limits(cfg.Limits), Origins: origins,
		Visit: func(r *http.Request, role protocol.Role) (*transport.Visitor, *transport.Refusal) {
			return s.transport.Visit(r, role)
		},
	})
	s.transport = transport.New(transport.Options{
		Hub:        s.hub,
		Ingest:     s.ingest,
		Domains:    domains(cfg.Chat != "off"),
		Web:        s.web(),
		Access:     s.access,
		ReadOnly:   s.readOnly,
		Directory:  s.directory,
		NoRooms:    s.noRooms(),
		Origins:    origins,
		TLS:        certificates,
		OneMachine: s.oneMachine(),
		Limits:     transport.Limits(cfg.Limits),
		Short:      s.memory.Short,

		MaxConnectionAge: cfg.MaxConnectionAge,
		Proxies:          cfg.Rules(),
		PathPrefix:       cfg.PathPrefix,
		Logger:           s.log,
	})
	registry := telemetry.NewRegistry(opts.Version)
	if err := s.metrics(registry, opts.LogDropped); err != nil {
		return nil, err
	}
	return s, s.buildAdmin(registry)
}

// oneMachine reports whether only this machine can connect, and no proxy is known.
func (s *Server) oneMachine() bool {
	_, unix := config.UnixPath(s.cfg.Listen) // which no browser opens
	return config.Loopback(s.cfg.Listen) && !unix && !s.cfg.ProxyProtocol && len(s.cfg.TrustedProxies) == 0
}

// noRooms says why consumers are not told which rooms there are; "": they are.
func (s *Server) noRooms() string {
	switch {
	case s.cfg.RoomList == "off":
		return "this server does not tell which rooms there are"
	case s.upstream != nil:
		return "this instance is an edge and knows only the rooms that its consumers are in: ask " + s.readOnly
	case !s.ingest.HasTable():
		return "this server keeps no last prices, and so does not know which rooms there are"
	}
	return ""
}

// linger is how long an edge stays in a room upstream that nobody is in here.
const linger = time.Minute

// buildRouting builds ingest and, if there is a Redis or an upstream, what stands between them, and
// connects the two.
func (s *Server) buildRouting() error {
	options := ingest.Options{
		Instance:       newInstanceID(),
		Types:          domains(true).StateTypes(),
		TTL:            s.cfg.LastPriceTTL,
		MaxInstruments: s.cfg.MaxInstruments,
		MaxOfProducer:  s.cfg.MaxInstrumentsPerKey,
		StoredLate:     s.cfg.RedisStoreInterval > 0,
		Snapshot:       protocol.MarkSnapshot,
		Ends:           protocol.IsRetired,
		NoSnapshot:     protocol.NoSnapshot,
		FeedStatus:     protocol.FeedStatus,
		BridgeStatus:   protocol.BridgeStatus,
		Hub:            s.hub.Events(),
		Priced:         s.directory.Rooms(),
		Logger:         s.log,
	}
	switch {
	case s.cfg.Edge():
		return s.buildUpstream(options)
	case s.cfg.RedisURL != "":
		return s.buildBridge(options)
	}
	s.ingest = ingest.New(options)
	return nil
}

func (s *Server) buildBridge(options ingest.Options) error {
	url, err := s.cfg.RedisAddress()
	if err != nil {
		return err
	}
	files, err := s.cfg.RedisTLS()
	if err != nil {
		return err
	}
	outbox, reads := make(chan []hub.BroadcastEvent), make(chan []string)
	options.Outbox, options.Reads = outbox, reads
	s.ingest = ingest.New(options)
	s.bridge, err = bridge.New(bridge.Options{
		URL:      url,
		TLS:      files,
		Prefix:   s.cfg.RedisPrefix,
		Format:   bridge.Format(s.cfg.RedisFormat),
		Instance: options.Instance,
		Types:    options.Types,
		TTL:      s.cfg.LastPriceTTL,

		StoreInterval: s.cfg.RedisStoreInterval,

		Outbox: outbox,
		Reads:  reads,
		Clock:  s.ingest.Clock,
		Sink:   s.ingest.FromBridge(),
		Logger: s.log,
		Valid:  newForeign(domains(true)).valid,
	})
	if err != nil {
		return config.Errorf("redis-url", "%v", err)
	}
	return nil
}

func (s *Server) buildUpstream(options ingest.Options) error {
	files, err := s.cfg.UpstreamTLS()
	if err != nil {
		return err
	}
	if s.readOnly, err = upstream.Shown(s.cfg.UpstreamURL()); err != nil {
		return config.Errorf("upstream", "%v", err)
	}
	token, err := s.upstreamToken()
	if err != nil {
		return err
	}
	reads, leaves := make(chan []string), make(chan []string)
	options.Reads, options.Leaves, options.Linger = reads, leaves, linger
	s.ingest = ingest.New(options)
	s.upstream, err = upstream.New(upstream.Options{
		URL:    s.cfg.UpstreamURL(),
		TLS:    files,
		Token:  token,
		Reads:  reads,
		Leaves: leaves,
		Sink:   s.ingest.FromBridge(),
		Logger: s.log,
		Valid:  newForeign(domains(true)).valid,
		Chat:   chat.Payload[string],
	})
	return err
}

// newInstanceID is an id for this instance, new at each start.
func newInstanceID() string {
	var b [8]byte
	rand.Read(b[:]) // it never fails: crypto/rand ends the program first
	return hex.EncodeToString(b[:])
}

// Ready is closed once the instance listens.
func (s *Server) Ready() <-chan struct{} { return s.ready }

// Addr is the address that clients connect to, once Ready.
func (s *Server) Addr() net.Addr { return s.addr }

// AdminAddr is the address of metrics and profiles, once Ready; nil where that is off.
func (s *Server) AdminAddr() net.Addr { return s.adminAddr }
