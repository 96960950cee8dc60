package server_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"backbone/client"
	"backbone/internal/config"
)

// Two processes with one key publish one instrument: the log says which they are.
func TestTwoProcessesWithOneKeyAreTold(t *testing.T) {
	t.Parallel()
	const key = "0123456789abcdef0123"
	file := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(file, []byte("feed:"+key+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	in, log := startLogged(t, func(c *config.Serve) { c.IngestKeysFile = file })
	connect := func() *client.Ingestor {
		p, err := client.DialIngestor(t.Context(), in.URL(), &client.IngestorOptions{Options: client.Options{APIKey: key}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.Close() })
		return p
	}
	one, two := connect(), connect()
	line := ""
	for late := time.Now().Add(patience); line == ""; {
		for _, p := range []*client.Ingestor{one, two} {
			if err := p.PublishAck(t.Context(), client.PriceUpdate{Instrument: "BTC_USDT", Price: "1", TS: 1}); err != nil {
				t.Fatal(err)
			}
		}
		for _, said := range strings.Split(log.all(), "\n") {
			if strings.Contains(said, "two producers publish one instrument") {
				line = said
			}
		}
		if time.Now().After(late) {
			t.Fatal("the log says nothing of it")
		}
	}
	for _, part := range []string{"instrument=BTC_USDT", "producer=feed address=127.0.0.1:", "other=feed other_address=127.0.0.1:", "instruments=1"} {
		if !strings.Contains(line, part) {
			t.Errorf("%s\nhas no %q", line, part)
		}
	}
	if strings.Contains(line, key) {
		t.Errorf("the log has the key: %s", line)
	}
}
