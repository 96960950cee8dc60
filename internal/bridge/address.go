package bridge

import (
	"context"
	"crypto/tls"
	"net"

	"github.com/redis/rueidis"

	"backbone/internal/redisurl"
)

// target is how to connect to what a Redis URL names.
type target struct {
	*redisurl.URL
	option rueidis.ClientOption // to masters: credentials, TLS and database; at sets the address
	asking rueidis.ClientOption // to sentinels, and to nodes that are asked for the masters
}

func newTarget(u *redisurl.URL, files *tls.Config) *target {
	t := &target{URL: u}
	t.option = rueidis.ClientOption{
		Username: u.Username, Password: u.Password, SelectDB: u.Database, ClientName: u.ClientName,
	}
	if u.TLS {
		t.option.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: u.SkipVerify} //nolint:gosec // as the operator asks
		if files != nil {
			t.option.TLSConfig.RootCAs, t.option.TLSConfig.Certificates = files.RootCAs, files.Certificates
		}
	}
	if u.Socket {
		t.option.DialCtxFn = func(ctx context.Context, path string, dialer *net.Dialer, _ *tls.Config) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", path)
		}
	}
	t.asking = t.option
	if u.Setup == redisurl.Sentinel {
		t.asking.Username, t.asking.Password, t.asking.SelectDB = u.SentinelUsername, u.SentinelPassword, 0
	}
	return t
}

// at returns the options to connect to the master at an address.
func (t *target) at(address string) rueidis.ClientOption { return t.to(t.option, address) }

// to completes opt with an address. A certificate must hold the host of that address, which
// for a master is what sentinels or nodes say, not what the URL says.
func (t *target) to(opt rueidis.ClientOption, address string) rueidis.ClientOption {
	opt.InitAddress = []string{address}
	if opt.TLSConfig != nil {
		if host, _, err := net.SplitHostPort(address); err == nil {
			opt.TLSConfig = opt.TLSConfig.Clone()
			opt.TLSConfig.ServerName = host
		}
	}
	return opt
}
