package auth_test

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"backbone/internal/auth"
	"backbone/protocol"
)

// parse is the Access of ingestors by the text of a keys file.
func parse(t *testing.T, text string) (*auth.Access, *auth.Keys, []string) {
	t.Helper()
	keys, warnings, err := auth.ParseKeys("keys", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return auth.New(auth.Options{Ingest: keys}), keys, warnings
}

func TestKeysAreFoundByTheirText(t *testing.T) {
	const text = "# ingestors\r\n\r\n  feed-a:0123456789abcdef0123\r\nfeed-b:with:colons:and#hash-0123\nfeed-c:x\nfeed-a:another-key-of-the-same\n"
	access, keys, warnings := parse(t, "\ufeff"+text)
	if keys.Len() != 4 {
		t.Fatalf("%d keys", keys.Len())
	}
	for key, want := range map[string]string{
		"0123456789abcdef0123": "feed-a", "another-key-of-the-same": "feed-a", "with:colons:and#hash-0123": "feed-b", "x": "feed-c",
		"": "", "X": "", "feed-a": "", "0123456789abcdef012": "", "feed-c:x": "", "0123456789abcdef0123 ": "",
	} {
		grant, err := access.Admit(protocol.Ingestor, key, nil)
		if want == "" && err == nil || want != "" && (err != nil || grant.Name != want || grant.Bounded() || !grant.Allows("ANY")) {
			t.Errorf("%q: %+v, %v; want %q", key, grant, err, want)
		}
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0], "keys:5:") || !strings.Contains(warnings[0], `"feed-c"`) {
		t.Errorf("warnings %q, want one about line 5, whose key is short", warnings)
	}
	if grant, err := access.Admit(protocol.Consumer, "", nil); grant != nil || err != nil {
		t.Errorf("a consumer, for whom there are no keys: %+v, %v", grant, err)
	}
}

func TestPatternsBoundAKey(t *testing.T) {
	const text = "a:key-of-a-0123456 [\"BTC_*\",\"BRK B\" , \"X\\\\*\"]\nb:key-of-b-0123456\t[]\nc:key-of-c-0123456 [\"*\"]\nd:key-of-d-[1,2]\n"
	access, _, _ := parse(t, text)
	for _, c := range []struct {
		key, room string
		want      bool
	}{
		{"a", "BTC_USDT", true},
		{"a", "BTC_", true},
		{"a", "BTC", false},
		{"a", "BTD_X", false},
		{"a", "BRK B", true},
		{"a", "BRK B.X", false},
		{"a", "X*", true},
		{"a", "XY", false},
		{"b", "BTC_USDT", false},
		{"c", "BTC_USDT", true},
	} {
		grant, err := access.Admit(protocol.Ingestor, "key-of-"+c.key+"-0123456", nil)
		if err != nil || grant.Allows(c.room) != c.want || grant.Bounded() != (c.key != "c") {
			t.Errorf("%s, %q: %v, want %v (%v)", c.key, c.room, grant.Allows(c.room), c.want, err)
		}
	}
	if grant, err := access.Admit(protocol.Ingestor, "key-of-d-[1,2]", nil); err != nil || grant.Bounded() {
		t.Errorf("a bracket in a key: %+v, %v", grant, err)
	}
}

// Matching is by binary search, which has to find what a simple search finds.
func TestPatternsMatchAsASimpleSearchDoes(t *testing.T) {
	words := []string{"", "A", "AB", "ABC", "AC", "B", "BA", "BAA", "BB", "C*", "A*"}
	for seed := range uint32(3000) {
		var patterns []string
		r := seed*2654435761 + 12345
		next := func(n uint32) int { r = r*1664525 + 1013904223; return int(r >> 16 % n) }
		for range next(6) {
			w := strings.ReplaceAll(words[next(uint32(len(words)))], "*", `\*`)
			if next(2) == 0 || w == "" {
				w += "*"
			}
			patterns = append(patterns, w)
		}
		p, err := auth.NewPatterns(patterns)
		if err != nil {
			t.Fatal(patterns, err)
		}
		for _, room := range append(words[1:], "ABCD", "AA", "Z", "@") {
			want := slices.ContainsFunc(patterns, func(pattern string) bool {
				open := strings.HasSuffix(pattern, "*") && !strings.HasSuffix(pattern, `\*`)
				name := strings.ReplaceAll(strings.TrimSuffix(pattern, "*"), `\*`, "*")
				if !open {
					name = strings.ReplaceAll(pattern, `\*`, "*")
				}
				return room == name || open && strings.HasPrefix(room, name)
			})
			if p.Match(room) != want {
				t.Fatalf("%q of %q: %v", room, patterns, p.Match(room))
			}
		}
	}
}

func TestAWrongPatternIsNamed(t *testing.T) {
	for pattern, want := range map[string]string{
		"":                       "must not be empty",
		"A*B":                    `a * that is not at the end is written \*`,
		"A**":                    `a * that is not at the end is written \*`,
		`A\B`:                    `a \ stands only before a *`,
		`A\`:                     `a \ stands only before a *`,
		" A":                     "must not begin or end with a blank",
		" *":                     "must not begin or end with a blank",
		"A\"":                    `must not contain "`,
		strings.Repeat("A", 129): "must have at most 128 bytes",
	} {
		if _, err := auth.NewPatterns([]string{"OK", pattern}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", pattern, err, want)
		}
	}
	for _, pattern := range []string{"*", "BRK *", `\*`, `\**`, "ä*", "A"} {
		if _, err := auth.NewPatterns([]string{pattern}); err != nil {
			t.Errorf("%q: %v", pattern, err)
		}
	}
	if _, err := auth.NewPatterns(make([]string, 10_001)); err == nil {
		t.Error("too many patterns are taken")
	}
}

func TestAWrongLineIsNamedAndItsKeyIsNot(t *testing.T) {
	const secret = "s3cr3t-s3cr3t-s3cr3t"
	for text, want := range map[string]string{
		secret:                            "keys:1: expected name:key, found no colon",
		"\n#\n:" + secret:                 "keys:3: expected name:key, found no name",
		"a:":                              "keys:1: expected name:key, found no key",
		`a: ["X"]`:                        "keys:1: expected name:key, found no key",
		"a b:" + secret:                   "keys:1: expected name:key, found a blank in the name",
		"a: " + secret:                    "keys:1: expected name:key, found a blank in the key",
		"a:" + secret + "\tx":             "keys:1: expected name:key, found a blank in the key",
		"a:" + secret + " # " + secret:    "keys:1: expected name:key, found a blank in the key",
		"a:" + secret + "\x00":            "keys:1: expected name:key, found a blank in the key",
		"a:" + secret + "\n\nb:" + secret: "keys:3: the same key is already on line 1",
		"":                                "keys: is empty",
		" \n\n":                           "keys: is empty",
		"a:1\nb:" + strings.Repeat(secret, 1<<16):     "keys:2: the line is longer",
		"a:" + secret + ` ["A*B"]`:                    `keys:1: the patterns of "a": the pattern "A*B": a * that`,
		"a:" + secret + ` ["A"`:                       `keys:1: the patterns of "a": must be a JSON array of strings`,
		"a:" + secret + ` ["A"] x`:                    `keys:1: the patterns of "a": must be a JSON array of strings`,
		"a:" + secret + ` [1]`:                        `keys:1: the patterns of "a": must be a JSON array of strings`,
		"a:" + secret + ` [null]`:                     `keys:1: the patterns of "a": the pattern "": must not be empty`,
		"a:" + secret + " [\"\xff\"]":                 `keys:1: the patterns of "a": must be a JSON array of strings`,
		"a:" + secret + ` ["A"] # ` + secret:          `keys:1: the patterns of "a": must be a JSON array of strings`,
		"a:" + secret + ` ["A","` + secret + `\u00"]`: `keys:1: the patterns of "a": must be a JSON array of strings`,
	} {
		keys, _, err := auth.ParseKeys("keys", []byte(text))
		var syntax *auth.SyntaxError
		if keys != nil || !errors.As(err, &syntax) || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), secret) {
			t.Errorf("%.60q: error %v, want one that begins with %q", text, err, want)
		}
	}
}

func TestAFileThatOthersCanReadDrawsAWarning(t *testing.T) {
	if w := auth.ReadableByOthers("keys", 0o600); w != "" {
		t.Errorf("mode 600: %s", w)
	}
	for _, mode := range []fs.FileMode{0o640, 0o604, 0o644} {
		if w := auth.ReadableByOthers("keys", mode); !strings.Contains(w, "chmod 600 keys") {
			t.Errorf("mode %o: %q", mode, w)
		}
	}
}

func TestADifferenceNamesNamesAndNoKeys(t *testing.T) {
	_, before, _ := parse(t, "a:key-one-0123456789\nb:key-two-0123456789\nc:key-three-0123456789 [\"A\"]\ne:key-five-0123456789 [\"A\",\"B*\"]")
	_, after, _ := parse(t, "a:key-one-0123456789\na:key-four-0123456789\nc:key-three-0123456789 [\"B\"]\ne:key-five-0123456789 [\"B*\",\"BB\",\"A\"]\nd:key-six-0123456789")
	if got, want := after.Difference(before), "added a, d; removed b; other rights for c"; strings.Contains(got, "key-") || !strings.HasPrefix(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := after.Difference(after); got != "" {
		t.Errorf("no difference: %q", got)
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
	f.Add("a:b [\"X*\"]\nd:e []")
	f.Fuzz(func(t *testing.T, text string) {
		keys, _, err := auth.ParseKeys("keys", []byte(text))
		if (keys == nil) == (err == nil) {
			t.Fatalf("keys %v, error %v", keys, err)
		}
		if keys == nil {
			return
		}
		access := auth.New(auth.Options{Consume: keys})
		for line := range strings.SplitSeq(text, "\n") {
			name, key, ok := strings.Cut(strings.TrimSpace(strings.TrimPrefix(line, "\ufeff")), ":")
			if !ok || name[:min(1, len(name))] == "#" {
				continue
			}
			key, _, bounded := strings.Cut(strings.Join(strings.Fields(key), " "), " [")
			if grant, err := access.Admit(protocol.Consumer, key, nil); err != nil || grant.Name != name || grant.Bounded() && !bounded {
				t.Fatalf("the key of %q: %+v, %v", name, grant, err)
			}
		}
	})
}
