package serverurl_test

import (
	"strings"
	"testing"

	"backbone/internal/serverurl"
)

// The rules, which docs/configuration.md lists.
func TestRules(t *testing.T) {
	for _, c := range []struct{ in, consume, ingest, shown string }{
		{in: "ws://h:8080", consume: "ws://h:8080/ws", ingest: "ws://h:8080/ws/ingest"},
		{in: "ws://h:8080/", consume: "ws://h:8080/ws", ingest: "ws://h:8080/ws/ingest"},
		{in: "WSS://h", consume: "wss://h/ws", ingest: "wss://h/ws/ingest"},
		{in: "http://h", consume: "ws://h/ws", ingest: "ws://h/ws/ingest"},
		{in: "https://h:1", consume: "wss://h:1/ws", ingest: "wss://h:1/ws/ingest"},
		{in: "ws://[::1]:8080", consume: "ws://[::1]:8080/ws", ingest: "ws://[::1]:8080/ws/ingest"},
		{in: " ws://h\n", consume: "ws://h/ws", ingest: "ws://h/ws/ingest"},
		{in: "wss://h/prices/", consume: "wss://h/prices/ws", ingest: "wss://h/prices/ws/ingest"},
		{in: "wss://h/a%2fb/", consume: "wss://h/a%2fb/ws", ingest: "wss://h/a%2fb/ws/ingest"},
		{in: "wss://h/prices", consume: "wss://h/prices/ws", ingest: "wss://h/prices/ws/ingest"},
		{in: "wss://h/a%2fb", consume: "wss://h/a%2fb/ws", ingest: "wss://h/a%2fb/ws/ingest"},
		{in: "wss://h/ws", consume: "wss://h/ws", ingest: "wss://h/ws/ingest"},
		{in: "wss://h/gate/ws?x=1", consume: "wss://h/gate/ws?x=1", ingest: "wss://h/gate/ws/ingest?x=1", shown: "wss://h/gate/ws?..."},
		{in: "wss://h/gate/ws/ingest", consume: "wss://h/gate/ws", ingest: "wss://h/gate/ws/ingest"},
		{in: "wss://h/ws/", consume: "wss://h/ws/ws", ingest: "wss://h/ws/ws/ingest"},
		{in: "wss://h/news", consume: "wss://h/news/ws", ingest: "wss://h/news/ws/ingest"},
		{in: "ws://h?token=t", consume: "ws://h/ws?token=t", ingest: "ws://h/ws/ingest?token=t", shown: "ws://h/ws?..."},
		{in: "ws://u:secret@h", consume: "ws://u:secret@h/ws", ingest: "ws://u:secret@h/ws/ingest", shown: "ws://u:xxxxx@h/ws"},
	} {
		servers, err := serverurl.Parse(c.in)
		if err != nil {
			t.Errorf("%q: %v", c.in, err)
			continue
		}
		s := servers[0]
		if c.shown == "" {
			c.shown = c.consume
		}
		if s.To("/ws") != c.consume || s.To("/ws/ingest") != c.ingest || s.Shown("/ws") != c.shown {
			t.Errorf("%q: %s, %s, shown as %s", c.in, s.To("/ws"), s.To("/ws/ingest"), s.Shown("/ws"))
		}
		if s.Secure() != strings.HasPrefix(c.consume, "wss:") || s.HoldsCredentials() != strings.Contains(c.in, "@") {
			t.Errorf("%q: secure %v, with credentials %v", c.in, s.Secure(), s.HoldsCredentials())
		}
	}
}

func TestWhatIsNoURLIsSaid(t *testing.T) {
	const like = "must be like ws://host:port or wss://host:port"
	for in, want := range map[string]string{
		"":                 like + `, not ""`,
		"ws://a,":          like + `, not ""`,
		"127.0.0.1:8080":   like + `, not "127.0.0.1:8080": did you mean ws://127.0.0.1:8080?`,
		"localhost:8080":   like + `, not "localhost:8080": did you mean ws://localhost:8080?`,
		"ws://a,b:1":       like + `, not "b:1": did you mean ws://b:1?`,
		"a b":              like + `, not "a b"`,
		"ftp://h":          like + `, not "ftp://h"`,
		"ws://":            like + `, not "ws://"`,
		"ws://:8080":       like + `, not "ws://:8080"`,
		"ws:h":             like + `, not "ws:h"`,
		"ws://h:x":         like + `, not "ws://h:x"`,
		"ws://h:0":         "must have a port from 1 to 65535, not 0",
		"ws://h:99999":     "must have a port from 1 to 65535, not 99999",
		"ws://h/#a":        "must not have a part after #: write %23 for a # that belongs to it",
		"ftp://u:secret@h": like,
		"u:secret@h":       like,

		// What may be of a password or a token is not repeated.
		"h:8080/ws?token=secret":     like + `, not "h:8080/ws?...": did you mean ws://h:8080/ws?`,
		"htp://h/?token=secret":      like + `, not "htp://h/?..."`,
		"?secret":                    like + `, not "?..."`,
		"ws://u:sec,ret@h":           like,
		"ws://u:99999,ret@h":         "must have a port from 1 to 65535",
		"ws://h/?token=sec,ret":      like,
		"ws://h/?a=b,ws://h:99999/c": "must have a port from 1 to 65535",
	} {
		if _, err := serverurl.Parse(in); err == nil || err.Error() != want {
			t.Errorf("%q: %v\nwant %s", in, err, want)
		}
	}
}

func TestSeveral(t *testing.T) {
	servers, err := serverurl.Parse("ws://a:1, wss://b/x/ ,http://c")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range servers {
		got = append(got, s.To("/ws"))
	}
	if text := strings.Join(got, " "); text != "ws://a:1/ws wss://b/x/ws ws://c/ws" {
		t.Error(text)
	}
}
