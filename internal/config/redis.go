package config

import (
	"cmp"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"
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
	password := strings.TrimRight(string(text), "\r\n")
	if password == "" {
		return "", Errorf("redis-password-file", "%s is empty: it must hold the password", s.RedisPasswordFile)
	}
	u, err := parseRedisURL(s.RedisURL, orFile)
	if err != nil {
		return "", err
	}
	u.User = url.UserPassword(u.User.Username(), password)
	return u.String(), nil
}

// CheckRedisURL checks the form of a Redis URL where no file can hold the password. The
// error never shows a password.
func CheckRedisURL(redisURL string) error {
	_, err := parseRedisURL(redisURL, "")
	return err
}

// orFile is where else than in the URL a password may stand.
const orFile = ", or go to --redis-password-file"

// parseRedisURL takes the forms that the bridge takes. The host of the URL that it
// returns may be a list.
func parseRedisURL(text, orFile string) (*url.URL, error) {
	const expected = "must be like redis://host:6379/0, rediss://host:6379/0, unix:///path/to/redis.sock, " +
		"redis+sentinel://host:26379,host:26379/master-name or redis+cluster://host:6379,host:6379"
	u, hosts, ok := splitRedisURL(text)
	if !ok { // what is wrong is not quoted: a password may be part of it
		return nil, Errorf(redisURLFlag, "%s; a password with special characters must be percent-encoded%s", expected, orFile)
	}
	scheme, setup, _ := strings.Cut(u.Scheme, "+")
	query, several := u.Query(), len(hosts) > 1
	path := strings.TrimPrefix(u.Path, "/")
	master := setup == "sentinel"
	database := path
	if query.Has("db") {
		database = query.Get("db")
	} else if scheme == "unix" || master {
		database = ""
	}
	number, err := strconv.Atoi(cmp.Or(database, "0"))
	switch {
	case u.Scheme == "unix" && u.Path != "" && !several:
	case scheme != "redis" && scheme != "rediss", setup != "" && setup != "sentinel" && setup != "cluster":
		return nil, Errorf(redisURLFlag, "%s, not %q", expected, redacted(u))
	case query.Has("addr") || query.Has("master_set"):
		return nil, Errorf(redisURLFlag, "%s: addr and master_set are not taken", expected)
	case master && (path == "" || strings.Contains(path, "/")):
		return nil, Errorf(redisURLFlag, "must end in the name of the master: it %s, not %q", expected, redacted(u))
	case (setup == "cluster" || several && !master) && number != 0:
		return nil, Errorf(redisURLFlag, "names database %d: a cluster has only number 0", number)
	}
	if err != nil || number < 0 {
		return nil, Errorf(redisURLFlag, "names the database %q: it must be a number", database)
	}
	return u, nil
}

// splitRedisURL parses a URL whose host may be a list, each with its own port.
func splitRedisURL(text string) (u *url.URL, hosts []string, ok bool) {
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
		if err != nil || (one.Hostname() == "" && scheme != "unix") {
			return nil, nil, false
		}
	}
	u, err := url.Parse(scheme + "://" + rest[:user] + hosts[0] + rest[end:])
	if err != nil {
		return nil, nil, false
	}
	u.Host = list
	return u, hosts, true
}

const sentinelPassword = "sentinel_password"

// redacted is the URL with its passwords hidden.
func redacted(u *url.URL) string {
	shown := *u
	if query := shown.Query(); query.Has(sentinelPassword) {
		query.Set(sentinelPassword, "xxxxx")
		shown.RawQuery = query.Encode()
	}
	return shown.Redacted()
}

// RefuseSecretFlags returns an *Error if a password stands in a flag of the command
// line that was parsed.
func RefuseSecretFlags(ctx *kong.Context) error {
	for _, p := range ctx.Path {
		if p.Flag == nil || p.Resolved || p.Flag.Name != redisURLFlag {
			continue
		}
		u, _, ok := splitRedisURL(p.Flag.Target.String())
		if !ok {
			continue // refused for that by whoever validates the value
		}
		if _, has := u.User.Password(); has || u.Query().Has(sentinelPassword) {
			orElse := ""
			if takesPasswordFile(ctx) {
				orElse = ", or use --redis-password-file"
			}
			return Errorf(redisURLFlag, "holds a password, which every user of this machine could read: set %s_REDIS_URL%s", EnvPrefix, orElse)
		}
	}
	return nil
}

// takesPasswordFile reports whether the command that was parsed has the flag.
func takesPasswordFile(ctx *kong.Context) bool {
	for _, flag := range ctx.Flags() {
		if flag.Name == "redis-password-file" {
			return true
		}
	}
	return false
}
