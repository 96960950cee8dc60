package server

import (
	"backbone/internal/bridge"
	"backbone/internal/hub"
	"backbone/internal/ingest"
)

// FlushTimeout is the bound on the wait for Redis at a stop.
const FlushTimeout = flushTimeout

// Ingest is the instance's ingest.
func (s *Server) Ingest() *ingest.Ingest { return s.ingest }

// Bridge is the instance's bridge.
func (s *Server) Bridge() *bridge.Bridge { return s.bridge }

// NewValid returns what events from Redis have to pass.
func NewValid() func(*hub.BroadcastEvent) bool { return newForeign(domains(true)).valid }

// Valid is what events from Redis have to pass.
func Valid(e *hub.BroadcastEvent) bool { return NewValid()(e) }
