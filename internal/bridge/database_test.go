package bridge

import (
	"bytes"
	"log/slog"
	"testing"
)

// Two environments in two databases of one Redis hear each other.
func TestADatabaseThatKeepsNoChannelsApartIsWarnedOf(t *testing.T) {
	for _, c := range []struct {
		url, prefix string
		warned      bool
	}{
		{"redis://h/0", "", false}, {"redis://h/1", "", true}, {"unix:///s?db=2", DefaultPrefix, true}, {"redis://h/1", "staging:", false},
	} {
		var log bytes.Buffer
		_, o := newInstance(t, "A")
		o.URL, o.Prefix, o.Logger = c.url, c.prefix, slog.New(slog.NewTextHandler(&log, nil))
		if _, err := New(o); err != nil || bytes.Contains(log.Bytes(), []byte("--redis-prefix")) != c.warned {
			t.Errorf("%s, prefix %q: %v, logged %q", c.url, c.prefix, err, &log)
		}
	}
}
