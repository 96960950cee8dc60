package server

import (
	"backbone/internal/bridge"
	"backbone/internal/ingest"
)

// FlushTimeout is the bound on the wait for Redis at a stop.
const FlushTimeout = flushTimeout

// Ingest is the instance's ingest.
func (s *Server) Ingest() *ingest.Ingest { return s.ingest }

// Bridge is the instance's bridge.
func (s *Server) Bridge() *bridge.Bridge { return s.bridge }
