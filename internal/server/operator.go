package server

import (
	"context"
	"runtime"
	"runtime/metrics"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"backbone/internal/reload"
	"backbone/internal/telemetry"
	"backbone/protocol"
)

// Reload reads again the files that can change while the instance runs, logs what changed, and
// returns the same. The error is that of ctx.
func (s *Server) Reload(ctx context.Context) ([]reload.Outcome, error) { return s.reload.Reload(ctx) }

// LogState says in the log how the instance stands.
func (s *Server) LogState() {
	hub, ingest := s.hub.Stats(), s.ingest.Stats()
	ready := s.readiness()
	memory := []metrics.Sample{{Name: "/memory/classes/total:bytes"}}
	metrics.Read(memory)
	args := []any{
		"status", ready.Status, "uptime", time.Since(s.began).Round(time.Second),
		"consumers", s.open(protocol.Consumer), "ingestors", s.open(protocol.Ingestor),
		"rooms", hub.Rooms, "lagging", hub.Lagging, "conflated", hub.Conflated, "slow_closed", hub.Slow, "refusing_closed", hub.Refused,
		"instruments", ingest.Instruments, "published", ingest.Published, "remote", ingest.Remote, "outbox_events", ingest.OutboxEvents,
		"goroutines", runtime.NumGoroutine(), "memory_mib", memory[0].Value.Uint64() >> 20,
		"bridge", ready.Bridge,
	}
	for _, shard := range ready.Shards {
		if shard.Cause != "" {
			args = append(args, "bridge_cause", shard.Name+": "+shard.Cause)
		}
	}
	for _, watched := range s.reload.Status() {
		if watched.Failed {
			args = append(args, "not_reloaded", watched.Name)
		}
	}
	s.log.Warn("state, as asked for by a signal", args...)
}

// open is how many clients have a role.
func (s *Server) open(role protocol.Role) int {
	for _, m := range s.transport.Metrics() {
		if m.Name == "connections" {
			return int(m.Value(string(role)))
		}
	}
	return 0
}

// watchable are the settings whose files can be watched.
var watchable = []string{"tls-cert", "ingest-keys-file", "consumer-keys-file", "jwt-key-file", "admin-token-file"}

// reloadMetrics exist on every instance, at zero for files that it does not watch.
func (s *Server) reloadMetrics(reg *prometheus.Registry) error {
	names := slices.Clone(watchable)
	for _, watched := range s.reload.Status() {
		if !slices.Contains(names, watched.Name) {
			names = append(names, watched.Name)
		}
	}
	type S = map[string]reload.Status
	snapshot := func() S {
		statuses := S{}
		for _, watched := range s.reload.Status() {
			statuses[watched.Name] = watched
		}
		return statuses
	}
	family := func(name, help string, kind telemetry.Kind, value func(reload.Status) float64) telemetry.Family[S] {
		return telemetry.Family[S]{Name: name, Help: help, Kind: kind, Label: "what", Values: names,
			Value: func(s S, what string) float64 { return value(s[what]) }}
	}
	return telemetry.Register(reg, snapshot,
		family("reload_errors_total", "Times that files held what could not be used, by the setting that names them.", telemetry.Counter,
			func(w reload.Status) float64 { return float64(w.Errors) }),
		family("reload_failed", "1 while files hold what cannot be used, so that what was read before is in use.", telemetry.Gauge,
			func(w reload.Status) float64 {
				if w.Failed {
					return 1
				}
				return 0
			}),
		family("reload_success_timestamp_seconds", "When what is in use was read, Unix time; 0: nothing is watched.", telemetry.Gauge,
			func(w reload.Status) float64 {
				if w.Taken.IsZero() {
					return 0
				}
				return float64(w.Taken.UnixMilli()) / 1000
			}),
	)
}
