package secrettest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"backbone/internal/secrettest"
)

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSecretsOfSettingsAreFound(t *testing.T) {
	dir := t.TempDir()
	keys := write(t, dir, "keys", "# none:in-a-comment\nann:key-of-ann [\"BTC_*\"]\nno colon here\nbob: key of bob\n")
	write(t, dir, "tls.pem", "-----BEGIN CERTIFICATE-----\npublicpublic\n-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\nprivateprivate\n-----END PRIVATE KEY-----\n")
	write(t, dir, "set", "{\n\"keys\":[]\n}\n")
	type config struct {
		Embedded
		RedisURL, Listen string
	}
	fields := secrettest.Fields(config{Embedded: Embedded{ConsumerKeysFile: keys}, RedisURL: "redis://me:pass%40word@h:1/0", Listen: "somewhere:1"})
	args := secrettest.Args(dir, []string{"serve", "--tls-key", "tls.pem", "--jwt-key-file=set", "--admin-token-file", "absent", "BACKBONE_API_KEY=key-of-env", "--short", "--redis-password-file"})
	for _, c := range []struct {
		secrets []secrettest.Secret
		text    string
		want    string
	}{
		{fields, "one\ntwo key-of-ann", keys + ":2 in line 2"},
		{fields, "key of bob\n", keys + ":4 in line 1"},
		{fields, "at redis://me:pass%40word@h", "RedisURL in line 1"},
		{fields, "is pass@word", "RedisURL in line 1"},
		{fields, "somewhere:1 BTC_* in-a-comment no colon here", ""},
		{args, "privateprivate", filepath.Join(dir, "tls.pem") + ":5 in line 1"},
		{args, "key-of-env", "API_KEY in line 1"},
		{args, "publicpublic \"keys\":[] absent", ""},
		{nil, "\nerr=eyJhbGciOiJub25lIn0.e30.c2ln", "a token (JWT) in line 2"},
		{nil, "eyJ is how it begins. It goes on.", ""},
	} {
		if got := strings.Join(secrettest.Found(c.secrets, []byte(c.text)), "; "); got != c.want {
			t.Errorf("%q: found %q, want %q", c.text, got, c.want)
		}
	}
}

// Embedded is part of a configuration, as config.Limits is.
type Embedded struct{ ConsumerKeysFile string }
