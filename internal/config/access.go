package config

import (
	"net/url"
	"slices"
	"strings"
)

// algorithms are those that tokens can be signed with.
var algorithms = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "HS256", "HS384", "HS512"}

// Tokens reports whether clients can have tokens.
func (s *Serve) Tokens() bool { return s.JWTKeyFile != "" || s.JWTJWKSURL != "" }

func (s *Serve) access() error {
	if s.IngestKeysFile != "" && s.InsecureNoAuth {
		return Errorf("insecure-no-auth", "and --ingest-keys-file exclude each other: leave one out")
	}
	if !Loopback(s.Listen) && s.IngestKeysFile == "" && s.TLSClientCA == "" && !s.Tokens() && !s.InsecureNoAuth && !s.Edge() {
		return Errorf("listen", "%s can be reached from other machines, and anyone there could publish: set --ingest-keys-file, --jwt-key-file, --jwt-jwks-url or --tls-client-ca, or --insecure-no-auth if that is intended", s.Listen)
	}
	for _, origin := range s.AllowedOrigins {
		if origin != "*" && !validOrigin(origin) {
			return Errorf("allowed-origins", "must be * or origins like https://app.example.com, without a path; not %q", origin)
		}
	}
	return s.tokens()
}

const jwksFlag = "jwt-jwks-url"

// tokens checks the flags of tokens.
func (s *Serve) tokens() error {
	if !s.Tokens() {
		for _, f := range []struct{ flag, value string }{{"jwt-issuer", s.JWTIssuer}, {"jwt-audience", s.JWTAudience}} {
			if f.value != "" {
				return Errorf(f.flag, "needs --jwt-key-file or --jwt-jwks-url")
			}
		}
		return nil
	}
	if s.JWTKeyFile != "" && s.JWTJWKSURL != "" {
		return Errorf(jwksFlag, "and --jwt-key-file exclude each other: leave one out")
	}
	if len(s.JWTAlgorithms) == 0 {
		return Errorf("jwt-algorithms", "must name at least one algorithm")
	}
	for _, name := range s.JWTAlgorithms {
		switch {
		case !slices.Contains(algorithms, name):
			return Errorf("jwt-algorithms", "must be of %s, not %q", strings.Join(algorithms, ", "), name)
		case s.JWTJWKSURL != "" && strings.HasPrefix(name, "HS"):
			return Errorf("jwt-algorithms", "must not name %s with --jwt-jwks-url: a JWK set at a URL holds public keys, and no secret", name)
		}
	}
	if s.JWTJWKSURL == "" {
		return nil
	}
	u, err := url.Parse(s.JWTJWKSURL)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.Fragment != "":
		return Errorf(jwksFlag, "must be a URL like https://issuer.example/keys")
	case u.User != nil:
		return Errorf(jwksFlag, "must not hold credentials: a JWK set is public")
	}
	return nil
}
