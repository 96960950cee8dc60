package server

import (
	"github.com/prometheus/client_golang/prometheus"

	"backbone/internal/config"
	"backbone/internal/telemetry"
)

// limit is one that an operator can set. The counter limited_total says what it did; too many
// instruments are counted with the code of their error.
type limit struct {
	name string
	is   func(*config.Serve) float64
	used func(*Server) float64 // nil: it is of each connection
}

var limits = []limit{
	{"connections", func(c *config.Serve) float64 { return float64(c.MaxConnections) }, (*Server).connections},
	{"connections_per_address", func(c *config.Serve) float64 { return float64(c.MaxConnectionsPerAddress) }, nil},
	{"connection_rate", func(c *config.Serve) float64 { return float64(c.MaxConnectionRate.PerSecond) }, nil},
	{"memory", func(c *config.Serve) float64 { return float64(c.MemoryLimit) }, func(s *Server) float64 { return float64(s.memory.Used()) }},
	{"handshake_timeout", func(c *config.Serve) float64 { return c.HandshakeTimeout.Seconds() }, nil},
	{"rooms", func(c *config.Serve) float64 { return float64(c.MaxRooms) }, nil},
	{"rooms_total", func(c *config.Serve) float64 { return float64(c.MaxRoomsTotal) }, func(s *Server) float64 { return float64(s.hub.Stats().Rooms) }},
	{"join_rate", func(c *config.Serve) float64 { return float64(c.MaxJoinRate.PerSecond) }, nil},
	{"message_rate", func(c *config.Serve) float64 { return float64(c.MaxMessageRate.PerSecond) }, nil},
	{"message_byte_rate", func(c *config.Serve) float64 { return float64(c.MaxMessageByteRate.PerSecond) }, nil},
	{"chat_rate", func(c *config.Serve) float64 { return float64(c.MaxChatRate.PerSecond) }, nil},
	{"ingest_rate", func(c *config.Serve) float64 { return float64(c.MaxIngestRate.PerSecond) }, nil},
	{"ingest_byte_rate", func(c *config.Serve) float64 { return float64(c.MaxIngestByteRate.PerSecond) }, nil},
	{"bad_messages", func(c *config.Serve) float64 { return float64(c.MaxBadMessages) }, nil},
	{"instruments_per_key", func(c *config.Serve) float64 { return float64(c.MaxInstrumentsPerKey) }, nil},
	{"instruments", func(c *config.Serve) float64 { return float64(c.MaxInstruments) }, func(s *Server) float64 { return float64(s.ingest.Stats().Instruments) }},
}

func (s *Server) connections() float64 { return float64(s.transport.Opened()) }

// limitMetrics expose what the limits are, and how much of those of the whole instance is used.
func (s *Server) limitMetrics(reg *prometheus.Registry) error {
	all, used := map[string]limit{}, []string(nil)
	var names []string
	for _, l := range limits {
		all[l.name] = l
		names = append(names, l.name)
		if l.used != nil {
			used = append(used, l.name)
		}
	}
	type none struct{}
	return telemetry.Register(reg, func() none { return none{} },
		telemetry.Family[none]{Name: "limit", Help: "What a limit is set to: a number, a number a second or a minute, bytes or seconds; 0: no limit.", Kind: telemetry.Gauge,
			Label: "limit", Values: names, Value: func(_ none, name string) float64 { return all[name].is(&s.cfg) }},
		telemetry.Family[none]{Name: "limit_used", Help: "How much is used of a limit of the whole instance; of memory 0 if there is no limit.", Kind: telemetry.Gauge,
			Label: "limit", Values: used, Value: func(_ none, name string) float64 { return all[name].used(s) }},
	)
}
