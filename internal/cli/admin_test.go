package cli_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"backbone/internal/cli"
)

// The file is read as the server reads its own, whichever editor has written it.
func TestTheAdminTokenIsReadAsTheServerReadsIt(t *testing.T) {
	sent := ""
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { sent = r.Header.Get("Authorization") }))
	defer s.Close()
	a := cli.Admin{TokenFile: filepath.Join(t.TempDir(), "token")}
	for text, want := range map[string]string{"a-token\n": "", "\ufeffa-token\r\n": "", "": "must hold only the key or token", "a token": "must hold only the key or token"} {
		if err := os.WriteFile(a.TokenFile, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		resp, err := a.Get(t.Context(), s.URL, "/metrics")
		switch {
		case want != "":
			if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "a token") {
				t.Errorf("%q: %v", text, err)
			}
			continue
		case err != nil:
			t.Fatal(err)
		}
		resp.Body.Close()
		if sent != "Bearer a-token" {
			t.Errorf("%q: it sends %q", text, sent)
		}
	}
}
