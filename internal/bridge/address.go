package bridge

import (
	"errors"
	"net"
	"net/url"
	"strings"

	"github.com/redis/rueidis"
)

// kind is how Redis is set up.
type kind uint8

const (
	single   kind = iota // one server
	sentinel             // one master at a time, named by sentinels
	cluster              // several masters, each with some of the slots
)

// target is what a Redis URL says.
type target struct {
	kind   kind
	seeds  []string             // addresses: of the server, of sentinels, of some nodes of the cluster
	master string               // what the sentinels call it
	option rueidis.ClientOption // credentials, TLS and database; the address is set by at
	asking rueidis.ClientOption // the same for sentinels and for nodes that are asked for the masters
}

const expectedURL = "expected redis://[user:password@]host:port[/database], rediss://..., unix:///path, " +
	"redis+sentinel://host:port,host:port/master-name or redis+cluster://host:port,host:port"

// parseTarget reads a Redis URL. Errors never quote it: it may hold a password.
func parseTarget(text string) (t target, err error) {
	hosts, u, ok := splitHosts(text)
	if !ok {
		return t, errors.New("not a Redis URL: " + expectedURL)
	}
	query := u.Query()
	port := "6379"
	var suffix string
	u.Scheme, suffix, _ = strings.Cut(u.Scheme, "+")
	switch {
	case u.Scheme == "unix" && suffix == "" && u.Path != "" && len(hosts) == 1:
	case u.Scheme != "redis" && u.Scheme != "rediss", suffix != "" && suffix != "sentinel" && suffix != "cluster":
		return t, errors.New("not a Redis URL: " + expectedURL)
	case query.Has("master_set"):
		return t, errors.New("master_set: expected the form redis+sentinel://host:port,host:port/master-name")
	case query.Has("addr"):
		return t, errors.New("addr: expected the form redis+cluster://host:port,host:port")
	case suffix == "sentinel":
		t.kind, port = sentinel, "26379"
		if t.master = strings.TrimPrefix(u.Path, "/"); t.master == "" || strings.Contains(t.master, "/") {
			return t, errors.New("the name of the master is missing: " + expectedURL)
		}
		u.Path = ""
	case suffix == "cluster" || len(hosts) > 1:
		t.kind = cluster
	}
	if t.option, err = rueidis.ParseURL(u.String()); err != nil {
		return t, errors.New(strings.TrimPrefix(err.Error(), "redis: ") + ": " + expectedURL)
	}
	switch {
	case t.option.SelectDB < 0:
		return t, errors.New("database: expected 0 or more")
	case t.kind == cluster && t.option.SelectDB != 0:
		return t, errors.New("database: a cluster has only number 0")
	}
	t.seeds = t.option.InitAddress
	if u.Scheme != "unix" {
		t.seeds = nil
		for _, h := range hosts {
			t.seeds = append(t.seeds, withPort(h, port))
		}
	}
	t.asking = t.option
	if t.kind == sentinel {
		t.asking.Username, t.asking.Password, t.asking.SelectDB = query.Get("sentinel_user"), query.Get("sentinel_password"), 0
	}
	return t, nil
}

// splitHosts parses a URL whose authority may list several hosts. The URL has the first.
func splitHosts(text string) (hosts []string, u *url.URL, ok bool) {
	scheme, rest, _ := strings.Cut(text, "://")
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	user := strings.LastIndex(rest[:end], "@") + 1
	hosts = strings.Split(rest[user:end], ",")
	for _, h := range hosts {
		one, err := url.Parse("redis://" + h)
		if err != nil || (one.Hostname() == "" && scheme != "unix") {
			return nil, nil, false
		}
	}
	u, err := url.Parse(scheme + "://" + rest[:user] + hosts[0] + rest[end:])
	return hosts, u, err == nil
}

func withPort(host, port string) string {
	if h, p, err := net.SplitHostPort(host); err == nil && p != "" {
		return net.JoinHostPort(h, p)
	}
	return net.JoinHostPort(strings.Trim(strings.TrimSuffix(host, ":"), "[]"), port)
}

// at is how to connect to the master at an address.
func (t *target) at(address string) rueidis.ClientOption { return t.to(t.option, address) }

// to completes opt with an address. A certificate must hold the name in it: that of a
// master is what sentinels or nodes say, not what the URL says.
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
