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
