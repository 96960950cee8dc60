package server

import (
	"context"
	"fmt"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"backbone/internal/auth"
	"backbone/internal/config"
	"backbone/internal/reload"
	"backbone/internal/telemetry"
	"backbone/protocol"
)

// buildAccess reads who may do what, and has the files watched.
func (s *Server) buildAccess() error {
	o := auth.Options{AllPublish: s.cfg.InsecureNoAuth, Certificates: s.cfg.TLSClientCA != ""}
	var err error
	if o.Ingest, err = s.watchKeys("ingest-keys-file", s.cfg.IngestKeysFile, protocol.Ingestor); err != nil {
		return err
	}
	if o.Consume, err = s.watchKeys("consumer-keys-file", s.cfg.ConsumerKeysFile, protocol.Consumer); err != nil {
		return err
	}
	if s.cfg.Tokens() {
		t := auth.TokenOptions{Issuer: s.cfg.JWTIssuer, Audience: s.cfg.JWTAudience, Algorithms: s.cfg.JWTAlgorithms}
		if s.cfg.JWTJWKSURL != "" {
			s.keySet = auth.NewKeySet(s.cfg.JWTJWKSURL, s.log)
			t.Set = s.keySet
		} else if t.Keys, err = s.watchTokenKeys(); err != nil {
			return err
		}
		o.Tokens = auth.NewTokens(t)
	}
	s.access = auth.New(o)
	return nil
}

// watchKeys reads the keys of a role, if a file names them. Those that come later replace them.
func (s *Server) watchKeys(flag, path string, role protocol.Role) (first *auth.Keys, err error) {
	if path == "" {
		return nil, nil //nolint:nilnil // there are none
	}
	err = s.watch(flag, path, func(file reload.File) (string, error) {
		keys, warnings, err := auth.ParseKeys(path, file.Text)
		if err != nil {
			return "", err
		}
		switch none := keys.Len() == 0; {
		case none && first == nil:
			return "", noKey(path)
		case none:
			warnings = append(warnings, path+": holds no key any more, so that no key is accepted")
		}
		s.warn(append(warnings, auth.ReadableByOthers(path, file.Mode))...)
		if first == nil {
			first = keys
			return "", nil
		}
		changed := keys.Difference(s.access.Keys(role))
		s.access.Replace(role, keys)
		s.transport.Recheck()
		return changed, nil
	})
	return first, err
}

// watch has a file put into use, now and when it changes. The error names the flag.
func (s *Server) watch(flag, path string, apply func(reload.File) (changed string, err error)) error {
	err := s.reload.Watch(flag, []string{path}, func(files []reload.File) (string, error) { return apply(files[0]) })
	if err != nil {
		return fmt.Errorf("--%s: %w", flag, err)
	}
	return nil
}

// noKey is the error of a file without keys at the start. Later it takes away those that there were.
func noKey(path string) error {
	return &auth.SyntaxError{File: path, Problem: "holds no key, so nobody could connect with one: add one"}
}

// watchTokenKeys reads the keys of tokens. Those that come later replace them.
func (s *Server) watchTokenKeys() (first *auth.TokenKeys, err error) {
	path := s.cfg.JWTKeyFile
	err = s.watch("jwt-key-file", path, func(file reload.File) (string, error) {
		keys, err := auth.ParseTokenKeys(path, file.Text, s.cfg.JWTAlgorithms)
		if err != nil {
			return "", err
		}
		switch none := keys.Len() == 0; {
		case none && first == nil:
			return "", noKey(path)
		case none:
			s.warn(path + ": holds no key any more, so that no token is accepted")
		}
		if keys.LeftOut > 0 {
			s.log.Warn("keys of tokens that cannot be used were left out", "file", path, "left_out", keys.LeftOut, "keys", keys.Len())
		}
		if keys.Secret() {
			s.warn(auth.ReadableByOthers(path, file.Mode))
		}
		if first == nil {
			first = keys
			return "", nil
		}
		changed := keys.Difference(s.access.Tokens().Keys())
		s.access.Tokens().Replace(keys)
		s.transport.Recheck()
		return changed, nil
	})
	return first, err
}

// upstreamToken returns what reads the key or token for upstream, nil if there is none. It is read for
// each connection, so that a new one needs no restart.
func (s *Server) upstreamToken() (func(context.Context) (string, error), error) {
	path := s.cfg.UpstreamKeyFile
	if path == "" {
		return nil, nil //nolint:nilnil // none is needed
	}
	read := func() (string, error) { return config.ReadCredentials("upstream-key-file", path) }
	if _, err := read(); err != nil {
		return nil, err
	}
	return func(context.Context) (string, error) { return read() }, nil
}

// keySetMetrics are 0 where no keys of tokens are at a URL.
func (s *Server) keySetMetrics(reg *prometheus.Registry) error {
	type S struct {
		keys           int
		fetches, fails uint64
	}
	snapshot := func() (now S) {
		if s.keySet == nil {
			return now
		}
		if keys := s.keySet.Keys(); keys != nil {
			now.keys = keys.Len()
		}
		now.fetches, now.fails = s.keySet.Fetches()
		return now
	}
	return telemetry.Register(reg, snapshot,
		gauge("jwks_keys", "Keys of tokens that are known from --jwt-jwks-url.", func(s S) int { return s.keys }),
		counter("jwks_fetches_total", "Times that --jwt-jwks-url was fetched.", func(s S) uint64 { return s.fetches }),
		counter("jwks_fetch_failures_total", "Times that this failed, so that the keys of before stay in use.", func(s S) uint64 { return s.fails }),
	)
}

func (s *Server) warn(warnings ...string) {
	for _, w := range warnings {
		if w != "" {
			s.log.Warn(w)
		}
	}
}

// announceAccess has the log say who may do what.
func (s *Server) announceAccess() {
	switch {
	case s.upstream != nil:
	case s.access.Open(protocol.Ingestor):
		s.log.Info("no ingest keys: anyone who can reach the listen address can publish")
	default:
		s.log.Info("publishing needs "+s.needed(protocol.Ingestor), s.count(protocol.Ingestor)...)
	}
	if !s.access.Open(protocol.Consumer) {
		s.log.Info("consumers need "+s.needed(protocol.Consumer), s.count(protocol.Consumer)...)
	}
	if s.cfg.JWTJWKSURL != "" && s.cfg.JWTAudience == "" {
		s.log.Warn("--jwt-jwks-url without --jwt-audience: tokens that were made for other services are accepted too")
	}
	if strings.HasPrefix(s.cfg.JWTJWKSURL, "http:") {
		s.log.Warn("--jwt-jwks-url without TLS: who can change what comes from there can make tokens")
	}
}

func (s *Server) needed(role protocol.Role) string {
	var ways []string
	if s.access.Keys(role) != nil {
		ways = append(ways, "a key")
	}
	if s.access.Tokens() != nil {
		ways = append(ways, "a token")
	}
	if s.access.Certificates() {
		ways = append(ways, "a certificate")
	}
	return strings.Join(ways, " or ")
}

func (s *Server) count(role protocol.Role) []any {
	if keys := s.access.Keys(role); keys != nil {
		return []any{"keys", keys.Len()}
	}
	return nil
}
