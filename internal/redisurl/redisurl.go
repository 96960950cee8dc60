// Package redisurl reads the URL that says where Redis is and how it is set up. Errors are
// worded to follow the name of the setting: "must be like ...". They never quote a
// password, nor any text that could be part of one.
package redisurl

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Setup is how Redis is set up.
type Setup uint8

// The setups.
const (
	Single   Setup = iota // one server
	Sentinel              // one master at a time, named by sentinels
	Cluster               // several masters, each with some of the slots
)

// URL is what a Redis URL says.
type URL struct {
	Setup     Setup
	Addresses []string // host:port of the server, of sentinels, or of some nodes of the cluster; or the path of a socket
	Socket    bool     // the address is the path of a Unix socket
	Master    string   // the name that the sentinels have for the master

	Username, Password                 string
	SentinelUsername, SentinelPassword string // for the sentinels; "" unless the URL names them
	Database                           int
	ClientName                         string

	TLS        bool
	SkipVerify bool // the certificate is not checked

	raw url.URL // its host may be a list
}

const forms = "must be like redis://host:6379/0, rediss://host:6379/0, unix:///path/to/redis.sock, " +
	"redis+sentinel://host:26379,host:26379/master-name or redis+cluster://host:6379,host:6379"

// ErrMalformed is the error of a text that cannot be read as a URL at all.
var ErrMalformed = errors.New(forms + "; a password with special characters must be percent-encoded")

const (
	sentinelUser     = "sentinel_user"
	sentinelPassword = "sentinel_password"
)

// Parse reads a Redis URL.
func Parse(text string) (*URL, error) {
	raw, hosts, ok := split(text)
	if !ok {
		return nil, ErrMalformed
	}
	query, err := url.ParseQuery(raw.RawQuery)
	if err != nil {
		return nil, ErrMalformed
	}
	scheme, setup, _ := strings.Cut(raw.Scheme, "+")
	u := &URL{TLS: scheme == "rediss", Socket: raw.Scheme == "unix", raw: *raw}
	switch {
	case u.Socket && raw.Path != "" && raw.Host == "":
	case u.Socket:
		return nil, fmt.Errorf("%s: a socket needs three slashes before its path", forms)
	case scheme != "redis" && scheme != "rediss", setup != "" && setup != "sentinel" && setup != "cluster":
		return nil, fmt.Errorf("%s, not %s://", forms, raw.Scheme)
	case setup == "sentinel":
		u.Setup = Sentinel
	case setup == "cluster":
		u.Setup = Cluster
	case len(hosts) > 1:
		return nil, fmt.Errorf("has several hosts, and %s", forms)
	}
	if strings.Contains(raw.Path, "@") && !u.Socket {
		return nil, ErrMalformed // the path is the rest of a password
	}
	u.locate(hosts)
	if raw.User != nil {
		u.Username = raw.User.Username()
		u.Password, _ = raw.User.Password()
	}
	if err := u.readPath(query); err != nil {
		return nil, err
	}
	return u, u.readQuery(query)
}

// split parses a URL whose host may be a list, each with its own port.
func split(text string) (u *url.URL, hosts []string, ok bool) {
	scheme, rest, _ := strings.Cut(text, "://")
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	user := strings.LastIndex(rest[:end], "@") + 1
	list := rest[user:end]
	hosts = strings.Split(list, ",")
	for _, h := range hosts {
		one, err := url.Parse("redis://" + h)
		if err != nil || (one.Hostname() == "" && scheme != "unix") || !validAddress(one) {
			return nil, nil, false
		}
	}
	u, err := url.Parse(scheme + "://" + rest[:user] + hosts[0] + rest[end:])
	if err != nil || u.Fragment != "" {
		return nil, nil, false
	}
	u.Host = list
	return u, hosts, true
}

// validAddress reports whether a port is one, and whether a host with colons is an IPv6 address.
func validAddress(u *url.URL) bool {
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return false
		}
	}
	_, err := netip.ParseAddr(u.Hostname())
	return err == nil || !strings.Contains(u.Hostname(), ":")
}

// locate sets the addresses.
func (u *URL) locate(hosts []string) {
	port := "6379"
	switch {
	case u.Socket:
		u.Addresses = []string{u.raw.Path}
		return
	case u.Setup == Sentinel:
		port = "26379"
	}
	for _, h := range hosts {
		u.Addresses = append(u.Addresses, withPort(h, port))
	}
}

func withPort(host, port string) string {
	if h, p, err := net.SplitHostPort(host); err == nil && p != "" {
		return net.JoinHostPort(h, p)
	}
	return net.JoinHostPort(strings.Trim(strings.TrimSuffix(host, ":"), "[]"), port)
}

// readPath sets what the path says, and the database, which the query can name instead, but no other one.
func (u *URL) readPath(query url.Values) (err error) {
	database := strings.TrimPrefix(u.raw.Path, "/")
	if u.Setup == Sentinel {
		u.Master, database = database, ""
		if u.Master == "" || strings.Contains(u.Master, "/") {
			return errors.New("must end in the name of the master: it " + forms)
		}
	}
	switch {
	case query.Has("db"):
		db := query.Get("db")
		if !u.Socket && database != "" && database != db {
			return fmt.Errorf("names the database %q in its path and %q as db: leave one out", u.harmless(database), u.harmless(db))
		}
		database = db
	case u.Socket || database == "":
		database = "0"
	}
	if u.Database, err = strconv.Atoi(database); err != nil || u.Database < 0 {
		return fmt.Errorf("names the database %q: it must be a number, 0 or more", u.harmless(database))
	}
	if u.Setup == Cluster && u.Database != 0 {
		return fmt.Errorf("names database %d: a cluster has only number 0", u.Database)
	}
	return nil
}

// readQuery sets what the query says. It knows the keys of the Redis library, so that a URL
// written for another program can be used: some of these keys have no effect here.
func (u *URL) readQuery(query url.Values) error {
	known := []string{"client_name", "db", "skip_verify", "dial_timeout", "write_timeout", "protocol", "client_cache", "max_retries"}
	if u.Setup == Sentinel {
		known = append(known, sentinelUser, sentinelPassword)
	}
	if query.Has("addr") || query.Has("master_set") {
		return errors.New(forms + ": addr and master_set are not accepted")
	}
	for key, values := range query {
		if !slices.Contains(known, key) {
			return fmt.Errorf("has the query key %q: expected one of %s", u.harmless(key), strings.Join(known, ", "))
		}
		if len(values) > 1 {
			return fmt.Errorf("has the query key %q twice: leave one out", key)
		}
	}
	for _, key := range []string{"dial_timeout", "write_timeout"} {
		if _, err := time.ParseDuration(query.Get(key)); err != nil && query.Has(key) {
			return fmt.Errorf("has a %s that is not a duration like 2s", key)
		}
	}
	if query.Has("skip_verify") {
		skip, err := strconv.ParseBool(query.Get("skip_verify"))
		if err != nil && query.Get("skip_verify") != "" {
			return errors.New("has a skip_verify that is neither true nor false")
		}
		u.SkipVerify = skip || err != nil // without a value it means true
	}
	u.ClientName = query.Get("client_name")
	u.SentinelUsername, u.SentinelPassword = query.Get(sentinelUser), query.Get(sentinelPassword)
	return nil
}

// harmless returns text from the query or path, unless it may be the rest of a password
// that was not percent-encoded.
func (u *URL) harmless(text string) string {
	if strings.Contains(u.raw.RawQuery, "@") {
		return "..."
	}
	return text
}

// HasPassword reports whether the URL holds the password of the Redis user, even an empty
// one.
func (u *URL) HasPassword() bool {
	_, has := u.raw.User.Password()
	return has
}

// WithPassword returns the text of the URL with a password put in.
func (u *URL) WithPassword(password string) string {
	raw := u.raw
	raw.User = url.UserPassword(u.Username, password)
	return raw.String()
}

// HoldsSecret reports whether a text that reads as a URL holds any password. The text need
// not be a valid Redis URL.
func HoldsSecret(text string) bool {
	u, _, ok := split(text)
	if !ok {
		return false
	}
	_, has := u.User.Password()
	return has || u.Query().Has(sentinelPassword)
}

// WithoutSecrets is a text that reads as a URL, with "xxxxx" for its passwords; "..." for any other.
func WithoutSecrets(text string) string {
	u, _, ok := split(text)
	if !ok {
		return "..."
	}
	const hidden = "xxxxx"
	if _, has := u.User.Password(); has {
		u.User = url.UserPassword(u.User.Username(), hidden)
	}
	if query := u.Query(); query.Has(sentinelPassword) {
		query.Set(sentinelPassword, hidden)
		u.RawQuery = query.Encode()
	}
	return u.String()
}
