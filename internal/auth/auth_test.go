package auth_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"backbone/internal/auth"
)

func TestKeysAreFoundByTheirText(t *testing.T) {
	const text = "# ingestors\r\n\n  feed-a:0123456789abcdef0123\r\nfeed-b:with:colons:and#hash-0123\nfeed-c:x\n"
	keys, warnings, err := auth.ParseKeys("keys", strings.NewReader("\ufeff"+text))
	if err != nil || keys.Len() != 3 {
		t.Fatalf("%d keys, error %v", keys.Len(), err)
	}
	for key, want := range map[string]string{
		"0123456789abcdef0123": "feed-a", "with:colons:and#hash-0123": "feed-b", "x": "feed-c",
		"": "", "X": "", "feed-a": "", "0123456789abcdef012": "", "feed-c:x": "",
	} {
		if name, ok := keys.Lookup(key); name != want || ok != (want != "") {
			t.Errorf("Lookup(%q) is %q, %v; want %q", key, name, ok, want)
		}
	}
	if name, ok := keys.Lookup("0123456789abcdef0123" + " "); ok {
		t.Errorf("a key with a blank behind it is %q's", name)
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0], "keys:5:") || !strings.Contains(warnings[0], `"feed-c"`) {
		t.Errorf("warnings %q, want one about line 5, whose key is short", warnings)
	}
}

func TestAWrongLineIsNamedAndItsKeyIsNot(t *testing.T) {
	const secret = "s3cr3t-s3cr3t-s3cr3t"
	for text, want := range map[string]string{
		secret:                                   "keys:1: expected name:key, found no colon",
		"\n#\n:" + secret:                        "keys:3: expected name:key, found no name",
		"a:":                                     "keys:1: expected name:key, found no key",
		"a b:" + secret:                          "keys:1: expected name:key, found a blank in the name",
		"a: " + secret:                           "keys:1: expected name:key, found a blank in the key",
		"a:" + secret + "\tx":                    "keys:1: expected name:key, found a blank in the key",
		"a:" + secret + "\x00":                   "keys:1: expected name:key, found a blank in the key",
		"a:" + secret + "\na:" + secret + "2":    `keys:2: the name "a" is already on line 1`,
		"a:" + secret + "\n\nb:" + secret:        "keys:3: the same key is already on line 1",
		"":                                       "keys: holds no key",
		"# a:" + secret:                          "keys: holds no key",
		"a:1\nb:" + strings.Repeat(secret, 4000): "keys:2: the line is longer",
	} {
		keys, _, err := auth.ParseKeys("keys", strings.NewReader(text))
		var syntax *auth.SyntaxError
		if keys != nil || !errors.As(err, &syntax) || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), secret) {
			t.Errorf("%.60q: error %v, want one that begins with %q", text, err, want)
		}
	}
}

func TestAFileThatOthersCanReadDrawsAWarning(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	if _, _, err := auth.ReadKeys(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent file: %v", err)
	}
	if err := os.WriteFile(path, []byte("a:0123456789abcdef"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, warnings, err := auth.ReadKeys(path); err != nil || len(warnings) != 0 {
		t.Errorf("mode 600: warnings %q, error %v", warnings, err)
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o644} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, warnings, err := auth.ReadKeys(path); err != nil || len(warnings) != 1 || !strings.Contains(warnings[0], "chmod 600") {
			t.Errorf("mode %o: warnings %q, error %v", mode, warnings, err)
		}
	}
	if _, _, err := auth.ReadKeys(t.TempDir()); err == nil {
		t.Error("a directory was read as keys")
	}
}

func TestOrigins(t *testing.T) {
	none := auth.Origins{}
	listed := auth.NewOrigins([]string{"https://App.example", "http://dev.example:3000", "https://p.example:443", "nonsense"})
	all := auth.NewOrigins([]string{"*"})
	for _, c := range []struct {
		origins      auth.Origins
		origin, host string
		want         bool
	}{
		{none, "", "srv.example", true},
		{none, "https://srv.example", "srv.example", true},
		{none, "https://SRV.example", "srv.Example:443", true},
		{none, "http://srv.example:80", "srv.example", true},
		{none, "http://srv.example:8080", "srv.example:8080", true},
		{none, "http://srv.example:8080", "srv.example", false},
		{none, "http://[::1]:8080", "[::1]:8080", true},
		{none, "https://evil.example", "srv.example", false},
		{none, "https://srv.example.evil.example", "srv.example", false},
		{none, "null", "srv.example", false},
		{none, "null", "null", false},
		{none, "://", "srv.example", false},
		{none, "http://localhost/", "localhost", true}, // as golang.org/x/net writes it
		{none, "http://localhost/", "localhost:80", true},
		{none, "http://localhost//", "localhost", false},
		{none, "http://localhost/?", "localhost", false},
		{none, "http://localhost?a", "localhost", false},
		{none, "http://localhost#a", "localhost", false},
		{none, "ws://srv.example:8080", "srv.example:8080", true}, // as ws4py writes it
		{none, "wss://srv.example", "srv.example:443", true},
		{none, "http://[", "[::1]:8080", false},
		{listed, "wss://app.example/", "srv.example", true},
		{listed, "ws://app.example", "srv.example", false},
		{none, "https://srv.example/page", "srv.example", false},
		{none, "https://u@srv.example", "srv.example", false},
		{listed, "https://app.example", "srv.example", true},
		{listed, "https://app.example:443", "srv.example", true},
		{listed, "http://app.example", "srv.example", false},
		{listed, "https://app.example:8443", "srv.example", false},
		{listed, "http://dev.example:3000", "srv.example", true},
		{listed, "http://dev.example", "srv.example", false},
		{listed, "https://p.example", "srv.example", true},
		{listed, "https://srv.example", "srv.example", true},
		{listed, "nonsense", "srv.example", false},
		{all, "https://evil.example", "srv.example", true},
		{all, "null", "srv.example", true},
	} {
		if got := c.origins.Allowed(c.origin, c.host); got != c.want {
			t.Errorf("origin %q, host %q: allowed is %v, want %v", c.origin, c.host, got, c.want)
		}
	}
}

func FuzzParseKeys(f *testing.F) {
	f.Add("a:b\n# c\n\nd:e")
	f.Add("a:b\na:c")
	f.Fuzz(func(t *testing.T, text string) {
		keys, _, err := auth.ParseKeys("keys", strings.NewReader(text))
		if (keys == nil) == (err == nil) {
			t.Fatalf("keys %v, error %v", keys, err)
		}
		if keys == nil {
			return
		}
		for line := range strings.SplitSeq(text, "\n") {
			name, key, ok := strings.Cut(strings.TrimSpace(strings.TrimPrefix(line, "\ufeff")), ":")
			if !ok || name[:min(1, len(name))] == "#" {
				continue
			}
			if got, _ := keys.Lookup(key); got != name {
				t.Fatalf("the key of %q is %q's", name, got)
			}
		}
	})
}
