package config

import (
	"net"
	"net/netip"
	"net/url"
	"reflect"
	"strconv"
	"strings"

	"backbone/internal/redisurl"
)

const (
	maxClientQueueBytes = 1 << 30 // the hub counts a client's bytes in 31 bits
	minMemory           = Bytes(32 << 20)
)

// Validate checks every field. It returns nil or an *Error.
func (s *Serve) Validate() error {
	for _, check := range []func() error{s.addresses, s.proxies, s.admin, s.access, s.redis, s.upstream, s.limits, s.log} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (s *Serve) addresses() error {
	if path, unix := UnixPath(s.Listen); unix {
		if path == "" || strings.ContainsRune(path, 0) {
			return Errorf("listen", "must have a path behind unix:, such as unix:/run/backbone.sock")
		}
	} else if err := address("listen", s.Listen); err != nil {
		return err
	}
	if s.AdminListen != "" {
		if err := address("admin-listen", s.AdminListen); err != nil {
			return err
		}
		if _, port, _ := net.SplitHostPort(s.Listen); s.AdminListen == s.Listen && port != "0" {
			return Errorf("admin-listen", "must be a different address from --listen, which is also %s", s.Listen)
		}
	}
	switch {
	case s.TLSCert != "" && s.TLSKey == "":
		return Errorf("tls-cert", "needs --tls-key, the private key of the certificate")
	case s.TLSKey != "" && s.TLSCert == "":
		return Errorf("tls-key", "needs --tls-cert, the certificate of the key")
	case s.TLSClientCA != "" && s.TLSCert == "":
		return Errorf("tls-client-ca", "needs --tls-cert: clients show certificates only over TLS")
	}
	return nil
}

// Defaults of flags that say nothing without Redis.
const (
	defaultRedisPrefix = "backbone:"
	defaultRedisFormat = "auto"
)

func (s *Serve) redis() error {
	switch {
	case s.RedisTLSCert != "" && s.RedisTLSKey == "":
		return Errorf("redis-tls-cert", "needs --redis-tls-key, the private key of the certificate")
	case s.RedisTLSKey != "" && s.RedisTLSCert == "":
		return Errorf("redis-tls-key", "needs --redis-tls-cert, the certificate of the key")
	}
	flags := []struct {
		flag         string
		set, overTLS bool
	}{
		{"redis-password-file", s.RedisPasswordFile != "", false},
		{"redis-tls-ca", s.RedisTLSCA != "", true},
		{"redis-tls-cert", s.RedisTLSCert != "", true},
		{"redis-prefix", s.RedisPrefix != defaultRedisPrefix, false},
		{"redis-format", s.RedisFormat != defaultRedisFormat, false},
		{"redis-store-interval", s.RedisStoreInterval != 0, false},
	}
	if s.RedisURL == "" {
		for _, f := range flags {
			if f.set {
				return Errorf(f.flag, "needs --redis-url")
			}
		}
	} else {
		u, err := s.parseRedisURL()
		if err != nil {
			return err
		}
		if u.HasPassword() && s.RedisPasswordFile != "" {
			return Errorf("redis-password-file", "and a password in --redis-url exclude each other: leave one out")
		}
		for _, f := range flags {
			if f.set && f.overTLS && !u.TLS {
				return Errorf(f.flag, "needs TLS: --redis-url must begin with rediss")
			}
		}
	}
	if s.LastPriceTTL > 0 && s.RedisStoreInterval > s.LastPriceTTL/2 {
		return Errorf("redis-store-interval", "must be at most half of --last-price-ttl, which is %v, not %v", s.LastPriceTTL, s.RedisStoreInterval)
	}
	if err := redisurl.CheckPrefix(s.RedisPrefix); err != nil {
		return Errorf("redis-prefix", "%v", err)
	}
	return nil
}

func (s *Serve) limits() error {
	if err := checkMinima(reflect.ValueOf(*s)); err != nil {
		return err
	}
	if s.ClientQueueBytes > maxClientQueueBytes {
		return Errorf("client-queue-bytes", "must be at most %d, not %d", maxClientQueueBytes, s.ClientQueueBytes)
	}
	if s.MemoryLimit != 0 && s.MemoryLimit < minMemory {
		return Errorf("memory-limit", "must be 0 or at least %v, not %v", minMemory, s.MemoryLimit)
	}
	if s.Chat != "off" && s.Chat != "members" {
		return Errorf("chat", "must be off or members, not %q", s.Chat)
	}
	if s.RoomList != "off" && s.RoomList != "on" {
		return Errorf("room-list", "must be off or on, not %q", s.RoomList)
	}
	return nil
}

func (s *Serve) log() error {
	switch s.LogLevel {
	case "debug", "info", "warn", "error":
	default:
		return Errorf("log-level", "must be debug, info, warn or error, not %q", s.LogLevel)
	}
	switch s.LogFormat {
	case "auto", "text", "json":
	default:
		return Errorf("log-format", "must be auto, text or json, not %q", s.LogFormat)
	}
	return nil
}

func address(flag, value string) error {
	_, port, err := net.SplitHostPort(value)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return Errorf(flag, "must be HOST:PORT with a port from 0 to 65535, not %q", value)
	}
	return nil
}

// Loopback reports whether only this machine reaches the address, as it does a Unix socket. Names other than
// localhost count as public: what they resolve to can change.
func Loopback(address string) bool {
	if _, unix := UnixPath(address); unix {
		return true
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback() || strings.EqualFold(host, "localhost")
}

func validOrigin(origin string) bool {
	u, err := url.Parse(origin)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "" &&
		!strings.Contains(u.Host, "*") && u.Scheme+"://"+u.Host == strings.ToLower(u.Scheme)+origin[len(u.Scheme):]
}
