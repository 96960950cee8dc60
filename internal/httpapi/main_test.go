package httpapi_test

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"backbone/internal/config"
	"backbone/internal/server"
	"backbone/internal/server/servertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	feedKey  = "0123456789abcdef0123"
	readKey  = "abcdef0123456789abcd"
	otherKey = "fedcba98765432100123"
)

// reply is what a request got.
type reply struct {
	status int
	body   string
	header http.Header
}

// ask sends a request to an instance. Headers are NAME, VALUE, and so on.
func ask(t *testing.T, in *server.Running, method, path, body string, headers ...string) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+in.Addr().String()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{resp.StatusCode, string(text), resp.Header}
}

// want checks an answer: its status, and that its body has some texts.
func (r reply) want(t *testing.T, status int, texts ...string) {
	t.Helper()
	if r.status != status {
		t.Errorf("status %d, want %d: %s", r.status, status, r.body)
	}
	for _, text := range texts {
		if !strings.Contains(r.body, text) {
			t.Errorf("%s\nlacks %s", r.body, text)
		}
	}
}

// withKeys has an instance ask both roles for keys. Those of the feed and of the reader are for names that
// begin with BTC.
func withKeys(t *testing.T) func(*config.Serve) {
	t.Helper()
	write := func(name, text string) string {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	ingest := write("ingest", "feed:"+feedKey+" [\"BTC*\"]\nother:"+otherKey+"\n")
	consume := write("consume", "reader:"+readKey+" [\"BTC*\"]\n")
	return func(c *config.Serve) { c.IngestKeysFile, c.ConsumerKeysFile = ingest, consume }
}

func price(instrument, price string) string {
	return `{"type":"price_update","instrument":"` + instrument + `","price":` + price + `,"ts":1}`
}

var start = servertest.Start
