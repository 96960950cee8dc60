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

// A web page whose name is made to resolve to this machine is of the same origin for the browser.
func TestAHostOfSomeoneElseIsRefusedWithoutAToken(t *testing.T) {
	var token admin.Token
	s := admin.New(admin.Options{
		Registry: telemetry.NewRegistry(""), Token: &token, Listen: "admin.corp.example:8081", Pprof: true, Logger: slog.New(slog.DiscardHandler),
		Open:  map[string]http.Handler{"GET /readyz": http.HandlerFunc(page)},
		Pages: map[string]http.Handler{"GET /rooms": http.HandlerFunc(page), "POST /drain": http.HandlerFunc(page)},
	})
	ask := func(method, path, host string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
		r.Host = host
		r.Header.Set("Origin", "http://"+host)
		r.Header.Set("Authorization", "Bearer "+secret)
		w := httptest.NewRecorder()
		s.Handler.ServeHTTP(w, r)
		return w
	}
	for _, host := range []string{"evil.example:8081", "evil.example", "127.0.0.1.evil.example:8081", "localhost.evil.example"} {
		for path, method := range map[string]string{"/drain": "POST", "/rooms": "GET", "/metrics": "GET", "/debug/pprof/cmdline": "GET"} {
			w := ask(method, path, host)
			if w.Code != http.StatusMisdirectedRequest || !strings.Contains(w.Body.String(), "or set a token") || strings.Count(w.Body.String(), "\n") != 1 {
				t.Errorf("%s as %s: %d %s", path, host, w.Code, w.Body)
			}
		}
		if w := ask("GET", "/readyz", host); w.Code != http.StatusOK {
			t.Errorf("/readyz as %s: %d", host, w.Code)
		}
	}
	for _, host := range []string{"127.0.0.1:8081", "10.1.2.3", "[::1]:8081", "[::1]", "localhost:8081", "LOCALHOST", "one:8081", "Admin.Corp.example:8081", ""} {
		if w := ask("POST", "/drain", host); w.Code != http.StatusOK {
			t.Errorf("/drain as %q: %d %s", host, w.Code, w.Body)
		}
	}
	if _, err := token.Set([]byte(secret)); err != nil {
		t.Fatal(err)
	}
	if w := ask("GET", "/rooms", "backbone.corp.example"); w.Code != http.StatusOK {
		t.Errorf("with a token: %d", w.Code)
	}
}
