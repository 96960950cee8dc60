package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/alecthomas/kong"

	"backbone/internal/redisurl"
)

const redisURLFlag = "redis-url"

// RedisAddress is RedisURL with the password from RedisPasswordFile, if there is one,
// put in. It must not be logged. The error is that of reading the file, or an *Error.
func (s *Serve) RedisAddress() (string, error) {
	if s.RedisPasswordFile == "" {
		return s.RedisURL, nil
	}
	text, err := os.ReadFile(s.RedisPasswordFile)
	if err != nil {
		return "", fmt.Errorf("--redis-password-file: %w", err)
	}
	password := strings.TrimRight(strings.TrimPrefix(string(text), "\ufeff"), "\r\n")
	if password == "" {
		return "", Errorf("redis-password-file", "%s is empty: it must hold the password", s.RedisPasswordFile)
	}
	u, err := s.parseRedisURL()
	if err != nil {
		return "", err
	}
	return u.WithPassword(password), nil
}

// RedisTLS is how to connect to Redis with TLS, as far as files say so; nil: as by default. The
// error is that of reading a file, or one line that names the flag.
func (s *Serve) RedisTLS() (*tls.Config, error) {
	if s.RedisTLSCA == "" && s.RedisTLSCert == "" {
		return nil, nil //nolint:nilnil // as by default
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.RedisTLSCA != "" {
		var err error
		if c.RootCAs, err = Authorities("redis-tls-ca", s.RedisTLSCA); err != nil {
			return nil, err
		}
	}
	if s.RedisTLSCert != "" {
		pair, err := tls.LoadX509KeyPair(s.RedisTLSCert, s.RedisTLSKey)
		if err != nil {
			return nil, fmt.Errorf("--redis-tls-cert, --redis-tls-key: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// Authorities reads the certificates in the file of a flag. The error is that of reading it, or an *Error.
func Authorities(flag, file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("--%s: %w", flag, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, Errorf(flag, "%s holds no certificate in PEM", file)
	}
	return pool, nil
}

// CheckRedisURL checks a Redis URL for a command that has no flag for a password file. The
// error is an *Error and never shows a password.
func CheckRedisURL(redisURL string) error {
	if _, err := redisurl.Parse(redisURL); err != nil {
		return Errorf(redisURLFlag, "%v", err)
	}
	return nil
}

// parseRedisURL reads RedisURL. The error is an *Error and never shows a password.
func (s *Serve) parseRedisURL() (*redisurl.URL, error) {
	u, err := redisurl.Parse(s.RedisURL)
	switch {
	case errors.Is(err, redisurl.ErrMalformed):
		return nil, Errorf(redisURLFlag, "%v, or go to --redis-password-file", err)
	case err != nil:
		return nil, Errorf(redisURLFlag, "%v", err)
	}
	return u, nil
}

// RefuseSecretFlags returns an *Error if a flag of the command line that was parsed holds a
// password.
func RefuseSecretFlags(ctx *kong.Context) error {
	for _, p := range ctx.Path {
		if p.Flag == nil || p.Resolved || p.Flag.Name != redisURLFlag || !redisurl.HoldsSecret(p.Flag.Target.String()) {
			continue
		}
		orElse := ""
		if hasPasswordFile(ctx) {
			orElse = ", or use --redis-password-file"
		}
		return Errorf(redisURLFlag, "holds a password, which every user of this machine could read: set %s_REDIS_URL%s", EnvPrefix, orElse)
	}
	return nil
}

// hasPasswordFile reports whether the command that was parsed has the flag.
func hasPasswordFile(ctx *kong.Context) bool {
	for _, flag := range ctx.Flags() {
		if flag.Name == "redis-password-file" {
			return true
		}
	}
	return false
}
