package config

import (
	"crypto/tls"
	"slices"
	"strings"

	"backbone/internal/serverurl"
)

const upstreamFlag = "upstream"

// Edge reports whether the instance gets its prices from another one.
func (s *Serve) Edge() bool { return len(s.Upstream) > 0 }

// UpstreamURL is what the SDK dials.
func (s *Serve) UpstreamURL() string { return strings.Join(s.Upstream, ",") }

// UpstreamTLS is how to connect upstream with TLS; nil: as by default. The error is that of reading
// a file, or one line that names the flag.
func (s *Serve) UpstreamTLS() (*tls.Config, error) {
	if s.UpstreamTLSCA == "" {
		return nil, nil //nolint:nilnil // as by default
	}
	pool, err := Authorities("upstream-tls-ca", s.UpstreamTLSCA)
	if err != nil {
		return nil, err
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, nil
}

// upstream checks the fields of an edge.
func (s *Serve) upstream() error {
	if !s.Edge() {
		if s.UpstreamTLSCA != "" {
			return Errorf("upstream-tls-ca", "needs --upstream")
		}
		if s.UpstreamKeyFile != "" {
			return Errorf("upstream-key-file", "needs --upstream")
		}
		return nil
	}
	servers, err := serverurl.Parse(s.UpstreamURL())
	switch {
	case err != nil:
		return Errorf(upstreamFlag, "%v", err)
	case slices.ContainsFunc(servers, func(u serverurl.Server) bool { return u.HoldsCredentials() }):
		return Errorf(upstreamFlag, "must not hold credentials: they go to --upstream-key-file")
	case s.UpstreamTLSCA != "" && !slices.ContainsFunc(servers, func(u serverurl.Server) bool { return u.Secure() }):
		return Errorf("upstream-tls-ca", "needs TLS: --upstream must begin with wss://")
	case s.RedisURL != "":
		return Errorf(upstreamFlag, "and --redis-url exclude each other: an edge gets all its prices from --upstream, and an instance on Redis needs none")
	case s.IngestKeysFile != "" || s.InsecureNoAuth:
		return Errorf(upstreamFlag, "excludes --ingest-keys-file and --insecure-no-auth: nobody can publish to an edge")
	case s.LastPriceTTL == 0:
		return Errorf("last-price-ttl", "must not be 0 with --upstream: an edge remembers the newest price of each room")
	}
	return nil
}
