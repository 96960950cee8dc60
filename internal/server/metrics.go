package server

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"backbone/internal/bridge"
	"backbone/internal/httpapi"
	"backbone/internal/hub"
	"backbone/internal/ingest"
	"backbone/internal/telemetry"
	"backbone/internal/upstream"
)

// metrics exposes the counters of every part. Each scrape asks each part once.
func (s *Server) metrics(reg *prometheus.Registry, logDropped func() uint64) error {
	if logDropped == nil {
		logDropped = func() uint64 { return 0 }
	}
	if err := telemetry.Register(reg, logDropped,
		counter("log_dropped_total", "Log entries that were not written because nobody read the log, or that could not be written.", func(n uint64) uint64 { return n })); err != nil {
		return err
	}
	if err := telemetry.Register(reg, s.awake.Stood, telemetry.Family[time.Duration]{
		Name: "standstill_seconds_total", Help: "Time in which this process did not run although it was to, in times of at least 20 ms.", Kind: telemetry.Counter,
		Value: func(d time.Duration, _ string) float64 { return d.Seconds() },
	}); err != nil {
		return err
	}
	for _, register := range []func(*prometheus.Registry) error{s.transportMetrics, s.apiMetrics, s.limitMetrics, s.hubMetrics, s.ingestMetrics, s.bridgeMetrics, s.upstreamMetrics, s.reloadMetrics, s.certificateMetrics, s.keySetMetrics} {
		if err := register(reg); err != nil {
			return err
		}
	}
	return nil
}

func counter[S any](name, help string, value func(S) uint64) telemetry.Family[S] {
	return telemetry.Family[S]{Name: name, Help: help, Kind: telemetry.Counter,
		Value: func(s S, _ string) float64 { return float64(value(s)) }}
}

func gauge[S any](name, help string, value func(S) int) telemetry.Family[S] {
	return telemetry.Family[S]{Name: name, Help: help, Kind: telemetry.Gauge,
		Value: func(s S, _ string) float64 { return float64(value(s)) }}
}

// transportMetrics exposes what transport counts. Transport has the names and help texts.
func (s *Server) transportMetrics(reg *prometheus.Registry) error {
	type none struct{}
	var families []telemetry.Family[none]
	for _, m := range s.transport.Metrics() {
		f := telemetry.Family[none]{Name: m.Name, Help: m.Help, Kind: telemetry.Counter, Label: m.Label, Values: m.Values,
			Value: func(_ none, label string) float64 { return m.Value(label) }}
		if m.Gauge {
			f.Kind = telemetry.Gauge
		}
		families = append(families, f)
	}
	if err := telemetry.RegisterHistogram(reg, "delivery_age_seconds",
		"How old what a consumer read was when it read it, by its answers to marks.", s.transport.Ages().Read); err != nil {
		return err
	}
	if err := telemetry.RegisterHistogram(reg, "ingest_to_write_seconds",
		"From when a price was taken in until a consumer's socket had taken it, for one batch in 64 of each connection; of a price of another instance without the way between them.",
		s.transport.ToWrite().Read); err != nil {
		return err
	}
	return telemetry.Register(reg, func() none { return none{} }, families...)
}

func (s *Server) apiMetrics(reg *prometheus.Registry) error {
	type S = httpapi.Stats
	prices, publishes := s.api.Statuses()
	return telemetry.Register(reg, s.api.Stats,
		telemetry.Family[S]{Name: "http_prices_total", Help: "Requests for one price over plain HTTP, by the status of the answer.", Kind: telemetry.Counter,
			Label: "status", Values: prices, Value: func(s S, status string) float64 { return float64(s.Prices[status]) }},
		telemetry.Family[S]{Name: "http_publishes_total", Help: "Requests to publish over plain HTTP, by the status of the answer.", Kind: telemetry.Counter,
			Label: "status", Values: publishes, Value: func(s S, status string) float64 { return float64(s.Publishes[status]) }},
	)
}

func (s *Server) hubMetrics(reg *prometheus.Registry) error {
	type S = hub.Stats
	return telemetry.Register(reg, s.hub.Stats,
		gauge("rooms", "Rooms with members.", func(s S) int { return s.Rooms }),
		gauge("lagging_clients", "Clients that lag and receive conflated prices.", func(s S) int { return s.Lagging }),
		telemetry.Family[S]{Name: "lags_total", Help: "Times that a client began to lag, by cause: too many unsent bytes, or their age.", Kind: telemetry.Counter,
			Label: "why", Values: []string{"bytes", "age"},
			Value: func(s S, why string) float64 {
				if why == "bytes" {
					return float64(s.LagsBytes)
				}
				return float64(s.LagsAge)
			}},
		counter("slow_clients_closed_total", "Clients closed because too much waited for them.", func(s S) uint64 { return s.Slow }),
		counter("refusing_clients_closed_total", "Clients closed because they were behind and had refused conflation.", func(s S) uint64 { return s.Refused }),
		counter("events_total", "Live events routed.", func(s S) uint64 { return s.Events }),
		counter("events_unheard_total", "Live events of rooms without members.", func(s S) uint64 { return s.Unheard }),
		counter("deliveries_total", "Live events multiplied by the members of their rooms.", func(s S) uint64 { return s.Deliveries }),
		telemetry.Family[S]{Name: "undelivered_total", Help: "Live events that a client did not receive, by reason.", Kind: telemetry.Counter,
			Label: "reason", Values: []string{"conflated", "max_rate", "lost", "gone"},
			Value: func(s S, reason string) float64 {
				switch reason {
				case "conflated":
					return float64(s.Conflated)
				case "max_rate":
					return float64(s.Throttled)
				case "lost":
					return float64(s.Lost)
				}
				return float64(s.Dropped)
			}},
	)
}

func (s *Server) ingestMetrics(reg *prometheus.Registry) error {
	type S = ingest.Stats
	if err := telemetry.RegisterHistogram(reg, "remote_lag_seconds",
		"From when a price was taken in on another instance until it came to ingest here, by the clocks of both, for the last of each message.",
		s.ingest.RemoteLag().Read); err != nil {
		return err
	}
	return telemetry.Register(reg, s.ingest.Stats,
		gauge("instruments", "Known last values, one for each room and type.", func(s S) int { return s.Instruments }),
		counter("published_total", "Live events accepted from this instance's ingestors.", func(s S) uint64 { return s.Published }),
		counter("instruments_displaced_total", "Instruments forgotten early, because new ones needed their places.", func(s S) uint64 { return s.Displaced }),
		counter("remote_total", "Events that came from other instances.", func(s S) uint64 { return s.Remote }),
		counter("remote_stale_total", "Events from other instances that were not newer than the known value.", func(s S) uint64 { return s.Stale }),
		counter("remote_untracked_total", "Events from other instances of instruments beyond the limit, in rooms without members here.", func(s S) uint64 { return s.Untracked }),
		counter("remote_lost_total", "Live events of other instances that did not arrive.", func(s S) uint64 { return s.Lost }),
		counter("reoffered_total", "Last prices offered again in a new generation of the connection to Redis, or because another instance requested them.", func(s S) uint64 { return s.Reoffered }),
		counter("clock_skew_total", "Versions more than 5 s ahead of this instance's clock.", func(s S) uint64 { return s.ClockSkew }),
		gauge("outbox_events", "Events that wait for Redis.", func(s S) int { return s.OutboxEvents }),
		gauge("outbox_bytes", "Size of the events that wait for Redis, in bytes.", func(s S) int { return s.OutboxBytes }),
		telemetry.Family[S]{Name: "outbox_left_out_total", Help: "Events that other instances do not get because too many waited for Redis, by reason.", Kind: telemetry.Counter,
			Label: "reason", Values: []string{"conflated", "dropped"},
			Value: func(s S, reason string) float64 {
				if reason == "conflated" {
					return float64(s.OutboxConflated)
				}
				return float64(s.OutboxDropped)
			}},
	)
}

// bridgeMetrics exist without Redis too, all at zero, so that a dashboard works for every
// instance.
func (s *Server) bridgeMetrics(reg *prometheus.Registry) error {
	type S = bridge.Stats
	status, stats := func() bridge.Status { return bridge.Status{} }, func() S { return S{} }
	switch {
	case s.bridge != nil:
		status, stats = s.bridge.Status, s.bridge.Stats
	case s.upstream != nil: // of which the words are the same
		status = func() bridge.Status { return bridge.Status{State: bridge.State(s.upstream.Status().State)} }
	}
	var reasons []string
	byName := map[string]bridge.DropReason{}
	for _, r := range bridge.DropReasons() {
		reasons = append(reasons, r.String())
		byName[r.String()] = r
	}
	states := []string{string(bridge.Connecting), string(bridge.OK), string(bridge.Degraded)}
	err := telemetry.Register(reg, status,
		telemetry.Family[bridge.Status]{Name: "bridge_state", Help: "1 for the current state of the connections to Redis, or of an edge to its upstream, 0 for the others.", Kind: telemetry.Gauge,
			Label: "state", Values: states,
			Value: func(s bridge.Status, state string) float64 {
				if string(s.State) == state {
					return 1
				}
				return 0
			}},
	)
	if err != nil {
		return err
	}
	return telemetry.Register(reg, stats,
		gauge("bridge_peers", "Other instances whose heartbeats arrived in the last few seconds.", func(s S) int { return s.Peers }),
		gauge("bridge_form", "Form of the messages that are written to Redis: 2, or 1 while an older build is heard; 0 without a connection.", func(s S) int { return s.Form }),
		counter("bridge_published_total", "Events that Redis published.", func(s S) uint64 { return s.Published }),
		counter("bridge_bundles_total", "Redis messages in which events were published.", func(s S) uint64 { return s.Bundles }),
		counter("bridge_published_bytes_total", "Bytes sent to Redis with published events.", func(s S) uint64 { return s.Bytes }),
		counter("bridge_refused_total", "Events not published because Redis holds a newer one.", func(s S) uint64 { return s.Refused }),
		counter("bridge_unchanged_total", "Events not published because Redis already holds them.", func(s S) uint64 { return s.Unchanged }),
		counter("bridge_calls_repeated_total", "Calls that Redis refused as a whole, and that were repeated to decide on each event.", func(s S) uint64 { return s.Repeated }),
		counter("bridge_store_failed_total", "Calls in which a last price could not be stored.", func(s S) uint64 { return s.StoreFailed }),
		counter("bridge_received_total", "Events of other instances handed to ingest.", func(s S) uint64 { return s.Received }),
		counter("bridge_conflated_total", "Events replaced by newer ones: of other instances while this one was slow, own ones while their Redis master was away.", func(s S) uint64 { return s.Conflated }),
		counter("bridge_own_echoes_total", "Own bundles that came back.", func(s S) uint64 { return s.OwnEchoes }),
		counter("bridge_garbage_total", "Redis messages and values that could not be read.", func(s S) uint64 { return s.Garbage }),
		counter("bridge_reads_total", "Requests for last prices.", func(s S) uint64 { return s.Reads }),
		counter("bridge_read_errors_total", "Requests for last prices that failed.", func(s S) uint64 { return s.ReadErrors }),
		counter("bridge_reconnects_total", "Times that the connections to a Redis master were lost.", func(s S) uint64 { return s.Reconnects }),
		counter("bridge_script_reloads_total", "Times that Redis had forgotten the scripts.", func(s S) uint64 { return s.Reloads }),
		counter("bridge_heartbeats_total", "Own heartbeats that came back.", func(s S) uint64 { return s.Heartbeats }),
		telemetry.Family[S]{Name: "bridge_dropped_total", Help: "Events lost between instances, by reason.", Kind: telemetry.Counter,
			Label: "reason", Values: reasons,
			Value: func(s S, reason string) float64 { return float64(s.Drops[byName[reason]]) }},
	)
}

// upstreamMetrics exist on every instance, like bridgeMetrics.
func (s *Server) upstreamMetrics(reg *prometheus.Registry) error {
	type S = upstream.Stats
	stats := func() S { return S{} }
	if s.upstream != nil {
		stats = s.upstream.Stats
	}
	return telemetry.Register(reg, stats,
		gauge("upstream_rooms", "Rooms that this edge is in upstream, or about to be.", func(s S) int { return s.Rooms }),
		counter("upstream_connects_total", "Connections to an upstream that were made.", func(s S) uint64 { return s.Connects }),
		counter("upstream_received_total", "Prices and messages of upstream that were passed on.", func(s S) uint64 { return s.Received }),
		counter("upstream_stale_total", "Prices of upstream that were not newer than those before, as after a lost connection.", func(s S) uint64 { return s.Stale }),
		counter("upstream_refused_total", "Times that upstream did not let a room be joined.", func(s S) uint64 { return s.Refused }),
		counter("upstream_garbage_total", "Messages of upstream that could not be used.", func(s S) uint64 { return s.Garbage }),
	)
}
