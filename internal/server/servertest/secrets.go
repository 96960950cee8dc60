package servertest

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"backbone/internal/config"
	"backbone/internal/secrettest"
	"backbone/internal/server"
)

// keptLog is how much of an instance's log is searched for secrets, bytes.
const keptLog = 4 << 20

// watch sees that an instance shows none of its secrets: in its log, on its admin pages, and to a
// client that it refuses. The log writes to it, one line at a time; the test reads when the instance
// has ended.
type watch struct {
	cfg    config.Serve
	before []secrettest.Secret // of the files as they were at the start
	log    bytes.Buffer
}

func newWatch(cfg config.Serve) *watch { return &watch{cfg: cfg, before: secrettest.Fields(cfg)} }

// Write keeps a line of the log.
func (w *watch) Write(line []byte) (int, error) {
	if w.log.Len() < keptLog {
		w.log.Write(line)
	}
	return len(line), nil
}

// tee is a log that writes to what watches too. What nobody reads is watched from info on.
func (w *watch) tee(log *slog.Logger) *slog.Logger {
	level := slog.LevelInfo
	if log.Enabled(context.Background(), slog.LevelDebug) {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewMultiHandler(log.Handler(), slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level})))
}

// pages are what an instance answers at the end of its test, if it still answers.
func (w *watch) pages(r *server.Running) map[string][]byte {
	found := map[string][]byte{}
	if admin := r.AdminAddr(); admin != nil {
		token, _ := os.ReadFile(w.cfg.AdminTokenFile) // none, and a wrong one, are refused
		for _, page := range []string{"/metrics", "/clients", "/rooms", "/readyz", "/debug/pprof/cmdline"} {
			found[page] = get("http://"+admin.String()+page, string(token))
		}
	}
	if r.Addr().Network() == "tcp" && w.cfg.TLSCert == "" {
		found["a refusal"] = get("http://"+r.Addr().String()+w.cfg.PathPrefix+"/ws", refused)
	}
	return found
}

// refused is the token of a client that is refused.
const refused = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJub2JvZHkifQ.bm9ib2R5"

func get(url, token string) []byte {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 2 * time.Second}
	request, err := http.NewRequest(http.MethodGet, url, http.NoBody) //nolint:noctx // it has a timeout
	if err != nil {
		return nil
	}
	request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(token))
	response, err := client.Do(request)
	if err != nil {
		return nil // a test may leave an instance ended or broken
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	return text
}

// check fails the test for each secret in the log of an instance that has ended, in the error that it
// ended with, and on its pages.
func (w *watch) check(t testing.TB, ended error, pages map[string][]byte) {
	t.Helper()
	secrets := slices.Concat(w.before, secrettest.Fields(w.cfg))
	pages["its log"] = w.log.Bytes()
	if ended != nil {
		pages["its error"] = []byte(ended.Error())
	}
	for where, text := range pages {
		for _, place := range secrettest.Found(secrets, text) {
			t.Errorf("the instance shows a secret in %s: %s", where, place)
		}
	}
}
