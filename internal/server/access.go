package server

import (
	"fmt"
	"os"

	"backbone/internal/auth"
	"backbone/protocol"
)

// buildAccess reads who may do what.
func (s *Server) buildAccess() error {
	var o auth.Options
	for _, f := range []struct {
		flag, path string
		keys       **auth.Keys
	}{
		{"ingest-keys-file", s.cfg.IngestKeysFile, &o.Ingest},
		{"consumer-keys-file", s.cfg.ConsumerKeysFile, &o.Consume},
	} {
		if f.path == "" {
			continue
		}
		keys, err := s.readKeys(f.path)
		if err != nil {
			return fmt.Errorf("--%s: %w", f.flag, err)
		}
		*f.keys = keys
	}
	s.access = auth.New(o)
	return nil
}

func (s *Server) readKeys(path string) (*auth.Keys, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	keys, warnings, err := auth.ParseKeys(path, text)
	if err != nil {
		return nil, err
	}
	if w := auth.ReadableByOthers(path, info.Mode()); w != "" {
		warnings = append(warnings, w)
	}
	for _, w := range warnings {
		s.log.Warn(w)
	}
	return keys, nil
}

// announceAccess has the log say who may do what.
func (s *Server) announceAccess() {
	if s.upstream == nil {
		if keys := s.access.Keys(protocol.Ingestor); keys != nil {
			s.log.Info("publishing needs a key", "keys", keys.Len())
		} else {
			s.log.Info("no ingest keys: anyone who can reach the listen address can publish")
		}
	}
	if keys := s.access.Keys(protocol.Consumer); keys != nil {
		s.log.Info("consumers need a key", "keys", keys.Len())
	}
}
