package cli_test

import (
	"errors"
	"strings"
	"testing"

	"backbone/client"
	"backbone/internal/cli"
)

// What a server or a proxy answers decides what the operator is told to do.
func TestFailureSaysWhatToDo(t *testing.T) {
	for name, c := range map[string]struct {
		key    string
		status int
		want   string
	}{
		"no key":            {"", 401, "refuses without a valid key or token: set --api-key-file"},
		"a wrong key":       {"wrong", 401, `refuses the key or token that was sent: answered: the line "handshake refused" of its log says why`},
		"a line of a file":  {"name:key", 401, "holds a line name:key"},
		"a proxy in front":  {"", 503, "answers and takes no client now: ask it for /readyz"},
		"a proxy, too slow": {"", 504, "answers and takes no client now: ask it for /readyz"},
		"something else":    {"", 404, `does "backbone serve" run there with --tls-cert?`},
	} {
		to := cli.Connection{URLs: []string{"wss://localhost:8443"}, Key: c.key}
		got := to.Failure(&client.ConnectError{URL: to.URL(), Status: c.status, Err: errors.New("answered")}).Error()
		if !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// What follows a ? may be a key.
func TestURLsForPeopleHoldNoQuery(t *testing.T) {
	for urls, want := range map[string]string{
		"ws://a:1":                             "ws://a:1",
		"ws://a:1/x/ws?key=K":                  "ws://a:1/x?...",
		"ws://a:1?key=K, wss://b?key=K":        "ws://a:1?...,wss://b?...",
		"no url?key=K":                         "no url?...",
		"ws://a:1?key=K,wss://b?key=K,c?key=K": "ws://a:1?...",
	} {
		if got := cli.ShownURLs(urls); got != want {
			t.Errorf("%s: %s, want %s", urls, got, want)
		}
	}
	to := cli.Connection{URLs: []string{"ws://a:1?key=K", "ws://b:2"}}
	if got, want := to.Shown(), "ws://a:1?...,ws://b:2"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	args := []string{"bench", "--url=ws://a:1?key=K", "--url", "ws://b:2?key=K", "--name", "what?"}
	if got, want := cli.ShownArguments(args), "bench --url=ws://a:1?... --url ws://b:2?... --name what?"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
