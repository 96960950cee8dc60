package redisurl

import (
	"reflect"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]URL{
		"redis://h":                 {Addresses: []string{"h:6379"}},
		"redis://h/":                {Addresses: []string{"h:6379"}},
		"REDIS://h":                 {Addresses: []string{"h:6379"}},
		"redis://u:p@h:1/3":         {Addresses: []string{"h:1"}, Username: "u", Password: "p", Database: 3},
		"redis://:p%2F@h":           {Addresses: []string{"h:6379"}, Password: "p/"},
		"rediss://h:1":              {Addresses: []string{"h:1"}, TLS: true},
		"redis://[::1]:1":           {Addresses: []string{"[::1]:1"}},
		"redis://[::1]":             {Addresses: []string{"[::1]:6379"}},
		"redis://h?db=2":            {Addresses: []string{"h:6379"}, Database: 2},
		"redis://h/2?db=2":          {Addresses: []string{"h:6379"}, Database: 2},
		"unix:///run/r":             {Addresses: []string{"/run/r"}, Socket: true},
		"unix://u:p@/r?db=2":        {Addresses: []string{"/r"}, Socket: true, Username: "u", Password: "p", Database: 2},
		"unix:///run/a@b":           {Addresses: []string{"/run/a@b"}, Socket: true},
		"redis+cluster://a:1,b":     {Setup: Cluster, Addresses: []string{"a:1", "b:6379"}},
		"rediss+cluster://u:p@a,b":  {Setup: Cluster, Addresses: []string{"a:6379", "b:6379"}, Username: "u", Password: "p", TLS: true},
		"redis+cluster://a:1,b:2/0": {Setup: Cluster, Addresses: []string{"a:1", "b:2"}},
		"redis+cluster://a":         {Setup: Cluster, Addresses: []string{"a:6379"}},
		"rediss+cluster://a,b":      {Setup: Cluster, Addresses: []string{"a:6379", "b:6379"}, TLS: true},
		"redis+sentinel://a/m":      {Setup: Sentinel, Addresses: []string{"a:26379"}, Master: "m"},
		"rediss+sentinel://u:p@a:1,b/m?db=2&sentinel_user=x&sentinel_password=y@z": {
			Setup: Sentinel, Addresses: []string{"a:1", "b:26379"}, Master: "m", Username: "u", Password: "p",
			SentinelUsername: "x", SentinelPassword: "y@z", Database: 2, TLS: true,
		},
		"rediss://h?skip_verify":                        {Addresses: []string{"h:6379"}, TLS: true, SkipVerify: true},
		"rediss://h?skip_verify=false&client_name=a%20": {Addresses: []string{"h:6379"}, TLS: true, ClientName: "a "},
		"redis://h?dial_timeout=1s&write_timeout=1s&protocol=3&client_cache=0&max_retries=0": {Addresses: []string{"h:6379"}},
	} {
		got, err := Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		want.raw = got.raw
		if !reflect.DeepEqual(*got, want) {
			t.Errorf("%s:\n%+v, want\n%+v", text, *got, want)
		}
	}
}

// The password of each text is, or begins with, "secret".
func TestWhatParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                         "must be like",
		"h:6379":                   "must be like",
		"redis://":                 "must be like",
		"redis://:6379":            "must be like",
		"redis://h:port":           "must be like",
		"redis://h:65536":          "must be like",
		"redis://h:0":              "must be like",
		"redis://h:1:2":            "must be like",
		"redis://a:1,b:99999":      "must be like",
		"redis://u:99999/secret@h": "percent-encoded",
		"redis://a,,b":             "must be like",
		"redis+cluster://":         "must be like",
		"redis://%zz":              "must be like",
		"redis://h?%zz":            "must be like",
		"http://u:secret@h":        "not http://",
		"redis+other://a/m":        "not redis+other://",
		"unix+cluster:///r":        "must be like",
		"unix://":                  "three slashes",
		"unix://run/redis":         "three slashes",
		"redis://u:secret%@h":      "percent-encoded",
		"redis://u:secret#x@h":     "percent-encoded",
		"redis://u:1#secret@h":     "percent-encoded",
		"redis://u:1/secret@h":     "percent-encoded",
		"redis://u:1?secret@h":     `query key "..."`,
		"redis://u:1?db=secret@h":  `database "..."`,
		"redis://:secret@h/x":      `database "x": it must be a number`,
		"redis://h/-1":             `database "-1"`,
		"redis://h/1/2":            `database "1/2"`,
		"redis://h?db=x":           `database "x"`,
		"redis://h?db=":            `database ""`,
		"redis://h?db=1&db=2":      `has the query key "db" twice`,
		"redis+cluster://a,b:2/1":  "only number 0",
		"redis://a:1,b":            "has several hosts, and must be like",
		"rediss://u:secret@a,b/0":  "has several hosts, and must be like",
		"redis://h/1?db=2":         `names the database "1" in its path and "2" as db: leave one out`,
		"redis://h/1?db=secret@i":  `names the database "..." in its path`,
		"redis+cluster://a?db=1":   "only number 0",
		"redis+sentinel://a?sentinel_password=secret":       "name of the master",
		"redis+sentinel://a/m/":                             "name of the master",
		"redis+sentinel://a/m/n":                            "name of the master",
		"redis+sentinel://a/m?db=x":                         `database "x"`,
		"redis://:secret@h?addr=i":                          "addr and master_set",
		"redis://:secret@h?master_set=m":                    "addr and master_set",
		"redis://:secret@h?database=1":                      `query key "database": expected one of client_name, db`,
		"redis://h?sentinel_password=secret":                `query key "sentinel_password"`,
		"redis://h?dial_timeout=secret":                     "dial_timeout that is not a duration",
		"rediss://h?skip_verify=secret":                     "neither true nor false",
		"http+sentinel://h/m?sentinel_password=secret":      "not http+sentinel://",
		"redis+sentinel://h/m?sentinel_passwort=secret@tld": `query key "..."`,
	} {
		_, err := Parse(text)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want one line with %q and without the password", text, err, want)
		}
	}
}

func TestPasswords(t *testing.T) {
	for text, want := range map[string]bool{
		"redis://h": false, "redis://u@h": false, "redis://u:@h": true, "redis://u:p@h,i": true,
		"redis+sentinel://h/m?sentinel_password=p": true, "http://u:p@h": true, "nonsense": false,
	} {
		if got := HoldsSecret(text); got != want {
			t.Errorf("%s holds a secret: %v, want %v", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"redis://user@h:1/2":                    "redis://user:a%2Fb%40c@h:1/2",
		"redis+sentinel://user@a:1,b:2/m?db=1":  "redis+sentinel://user:a%2Fb%40c@a:1,b:2/m?db=1",
		"unix:///run/redis.sock?client_name=me": "unix://:a%2Fb%40c@/run/redis.sock?client_name=me",
	} {
		u, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		got := u.WithPassword("a/b@c")
		if got != want || u.HasPassword() {
			t.Errorf("%s with a password is %s, want %s", text, got, want)
		}
		if again, err := Parse(got); err != nil || again.Password != "a/b@c" || !again.HasPassword() {
			t.Errorf("%s is read as %+v, %v", got, again, err)
		}
	}
}

func TestCheckPrefix(t *testing.T) {
	for prefix, want := range map[string]bool{
		"backbone:": true, "a": true, strings.Repeat("a", 128): true,
		"": false, "a b": false, "a{b": false, "a}b": false, "é": false, strings.Repeat("a", 129): false,
	} {
		if err := CheckPrefix(prefix); (err == nil) != want {
			t.Errorf("%q: %v", prefix, err)
		}
	}
}
