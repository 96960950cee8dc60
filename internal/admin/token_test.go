package admin_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"backbone/internal/admin"
	"backbone/internal/telemetry"
)

const secret = "a-secret-of-the-operator"

func page(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("page")) }

// get asks for a page of a server with a token and without profiles.
func get(t *testing.T, method, path string, header http.Header) *httptest.ResponseRecorder {
	t.Helper()
	var token admin.Token
	if changed, err := token.Set([]byte("\ufeff" + secret + "\r\n")); err != nil || !changed {
		t.Fatal(err)
	}
	s := admin.New(admin.Options{
		Registry: telemetry.NewRegistry(""), Token: &token, Logger: slog.New(slog.DiscardHandler),
		Open:  map[string]http.Handler{"GET /readyz": http.HandlerFunc(page)},
		Pages: map[string]http.Handler{"GET /rooms": http.HandlerFunc(page), "POST /drain": http.HandlerFunc(page)},
	})
	r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
	r.Header = header
	w := httptest.NewRecorder()
	s.Handler.ServeHTTP(w, r)
	return w
}

func TestTheTokenIsAskedFor(t *testing.T) {
	right := http.Header{"Authorization": {"Bearer " + secret}}
	for _, c := range []struct {
		method, path string
		header       http.Header
		status       int
	}{
		{"GET", "/rooms", http.Header{}, 401},
		{"GET", "/metrics", http.Header{}, 401},
		{"GET", "/nowhere", http.Header{}, 401},
		{"GET", "/rooms", http.Header{"Authorization": {"Bearer " + secret + "x"}}, 401},
		{"GET", "/rooms", http.Header{"Authorization": {"Bearer"}}, 401},
		{"GET", "/rooms", http.Header{"Authorization": {"Basic " + secret}}, 401},
		{"GET", "/rooms?token=" + secret, http.Header{}, 401},
		{"GET", "/rooms", right, 200},
		{"GET", "/rooms", http.Header{"Authorization": {"bearer  " + secret}}, 200},
		{"GET", "/metrics", right, 200},
		{"GET", "/nowhere", right, 404},
		{"GET", "/debug/pprof/", right, 404},
		{"GET", "/readyz", http.Header{}, 200},
		{"POST", "/drain", right, 200},
		{"GET", "/drain", right, 405},
		{"POST", "/drain", http.Header{"Authorization": right["Authorization"], "Origin": {"https://elsewhere.example"}}, 403},
		{"POST", "/drain", http.Header{"Authorization": right["Authorization"], "Sec-Fetch-Site": {"cross-site"}}, 403},
	} {
		w := get(t, c.method, c.path, c.header)
		if w.Code != c.status {
			t.Errorf("%s %s with %v: status %d, want %d", c.method, c.path, c.header, w.Code, c.status)
		}
		if strings.Contains(w.Body.String(), secret) {
			t.Errorf("%s %s shows the token", c.method, c.path)
		}
	}
}

func TestTokensThatAreRefused(t *testing.T) {
	for file, want := range map[string]string{
		"":                            "no token",
		" \n":                         "no token",
		"short":                       "fewer than 16",
		"two tokens of one file here": "blank",
	} {
		var token admin.Token
		_, err := token.Set([]byte(file))
		if err == nil || !strings.Contains(err.Error(), want) || file != "" && strings.Contains(err.Error(), strings.TrimSpace(file)) && strings.TrimSpace(file) != "" {
			t.Errorf("%q: %v, want %q", file, err, want)
		}
	}
}
