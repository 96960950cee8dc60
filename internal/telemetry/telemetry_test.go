package telemetry_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"backbone/internal/admin"
	"backbone/internal/telemetry"
)

// patience bounds every wait of a test; only a failing one uses it up.
const patience = 30 * time.Second

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestFormatFollowsTheWriter(t *testing.T) {
	for _, c := range []struct {
		options     telemetry.LogOptions
		json, color bool
	}{
		{telemetry.LogOptions{}, true, false},
		{telemetry.LogOptions{Format: "auto", Terminal: true}, false, true},
		{telemetry.LogOptions{Terminal: true, NoColor: true}, false, false},
		{telemetry.LogOptions{Format: "text"}, false, false},
		{telemetry.LogOptions{Format: "json", Terminal: true}, true, false},
	} {
		var out bytes.Buffer
		log, err := telemetry.NewLogger(&out, c.options)
		if err != nil {
			t.Fatal(err)
		}
		log.Info("listening", "addr", "127.0.0.1:80", "within", 1500*time.Millisecond)
		log.Debug("not shown")
		line := out.String()
		var entry struct{ Msg, Addr, Within string }
		isJSON := json.Unmarshal(out.Bytes(), &entry) == nil && entry.Addr == "127.0.0.1:80" && entry.Within == "1.5s"
		if isJSON != c.json || strings.Contains(line, "\x1b") != c.color || strings.Count(line, "\n") != 1 {
			t.Errorf("%+v wrote %q", c.options, line)
		}
	}
}

// What has a text of its own is that text in both formats, never an object of its fields.
func TestValuesAreTextInJSON(t *testing.T) {
	tcp := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80}
	for want, value := range map[string]any{
		"127.0.0.1:80":       tcp,
		"[::1%eth0]:80":      &net.TCPAddr{IP: net.IPv6loopback, Port: 80, Zone: "eth0"},
		"127.0.0.1:81":       netip.MustParseAddrPort("127.0.0.1:81"),
		"::1":                netip.IPv6Loopback(),
		"10.0.0.0/8":         &net.IPNet{IP: net.IPv4(10, 0, 0, 0), Mask: net.CIDRMask(8, 32)},
		"127.0.0.1":          net.IPv4(127, 0, 0, 1),
		"/run/x":             &net.UnixAddr{Name: "/run/x", Net: "unix"},
		"redis://h/0":        &url.URL{Scheme: "redis", Host: "h", Path: "/0"},
		"read tcp: too late": &net.OpError{Op: "read", Net: "tcp", Err: errors.New("too late")},
		"1.5s":               1500 * time.Millisecond,
		"<nil>":              (*net.TCPAddr)(nil),
	} {
		for format, group := range map[string]bool{"json": true, "text": false} {
			var out bytes.Buffer
			log, err := telemetry.NewLogger(&out, telemetry.LogOptions{Format: format})
			if err != nil {
				t.Fatal(err)
			}
			log.With("value", value).WithGroup("in").Info("said", "value", value)
			var entry struct {
				Time  time.Time
				Level slog.Level
				Value string
				In    struct{ Value string }
			}
			if !group {
				if strings.Count(out.String(), want) != 2 {
					t.Errorf("text without %s: %s", want, &out)
				}
			} else if err := json.Unmarshal(out.Bytes(), &entry); err != nil || entry.Value != want || entry.In.Value != want || entry.Time.IsZero() {
				t.Errorf("%v in %s, want %s", err, &out, want)
			}
		}
	}
}

func TestLevelIsTheLeastThatIsLogged(t *testing.T) {
	for level, want := range map[string]int{"debug": 4, "": 3, "info": 3, "warn": 2, "error": 1} {
		var out bytes.Buffer
		log, err := telemetry.NewLogger(&out, telemetry.LogOptions{Level: level})
		if err != nil {
			t.Fatal(err)
		}
		log.Debug("a")
		log.Info("b")
		log.Warn("c")
		log.Error("d")
		if got := strings.Count(out.String(), "\n"); got != want {
			t.Errorf("level %q wrote %d lines, want %d", level, got, want)
		}
	}
	for _, o := range []telemetry.LogOptions{{Level: "loud"}, {Format: "xml"}} {
		if _, err := telemetry.NewLogger(io.Discard, o); err == nil {
			t.Errorf("%+v is accepted", o)
		}
	}
}

func TestAFileIsNoTerminal(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if telemetry.IsTerminal(f) || telemetry.IsTerminal(io.Discard) {
		t.Error("a file or a writer counts as a terminal")
	}
}

type stats struct {
	events float64
	drops  map[string]float64
}

var families = []telemetry.Family[stats]{
	{Name: "events_total", Help: "Events routed.", Kind: telemetry.Counter,
		Value: func(s stats, _ string) float64 { return s.events }},
	{Name: "drops_total", Help: "Events dropped.", Kind: telemetry.Counter, Label: "reason", Values: []string{"slow", "gone"},
		Value: func(s stats, reason string) float64 { return s.drops[reason] }},
}

func get(t *testing.T, h http.Handler, path string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://localhost"+path, nil))
	return w.Code, w.Body.String()
}

func TestAScrapeTakesOneSnapshotAndShowsEveryLabelValue(t *testing.T) {
	calls := 0
	reg := telemetry.NewRegistry("v1.2.3")
	snapshot := func() stats { calls++; return stats{7, map[string]float64{"slow": 2}} }
	if err := telemetry.Register(reg, snapshot, families...); err != nil {
		t.Fatal(err)
	}
	calls = 0
	code, body := get(t, admin.New(admin.Options{Registry: reg, Token: new(admin.Token), Logger: slog.New(slog.DiscardHandler)}).Handler, "/metrics")
	if code != http.StatusOK || calls != 1 {
		t.Errorf("status %d after %d snapshots, want 200 after 1", code, calls)
	}
	for _, line := range []string{
		"# HELP backbone_events_total Events routed.", "# TYPE backbone_drops_total counter",
		"backbone_events_total 7", `backbone_drops_total{reason="slow"} 2`, `backbone_drops_total{reason="gone"} 0`,
		`backbone_build_info{version="v1.2.3"} 1`, "go_goroutines ", "process_open_fds ",
	} {
		if !strings.Contains(body, line) {
			t.Errorf("no %q in what was scraped", line)
		}
	}
}

func TestAWrongFamilyIsRefused(t *testing.T) {
	snapshot := func() stats { return stats{} }
	value := func(stats, string) float64 { return 0 }
	for name, f := range map[string]telemetry.Family[stats]{
		"label without values": {Name: "a", Label: "reason", Value: value},
		"values without label": {Name: "a", Values: []string{"x"}, Value: value},
		"name not UTF-8":       {Name: "a\xff", Value: value},
	} {
		if err := telemetry.Register(telemetry.NewRegistry(""), snapshot, f); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	reg := telemetry.NewRegistry("")
	if err := telemetry.Register(reg, snapshot, families...); err != nil {
		t.Fatal(err)
	}
	if err := telemetry.Register(reg, snapshot, families...); err == nil {
		t.Error("a name was taken twice")
	}
}

func TestJSONLinesEndWithTheInstance(t *testing.T) {
	var out bytes.Buffer
	log, err := telemetry.NewLogger(&out, telemetry.LogOptions{Format: "json", Instance: "blue"})
	if err != nil {
		t.Fatal(err)
	}
	log.With("a", 1).Info("listening", "b", 2)
	if want := `"msg":"listening","a":1,"b":2,"instance_name":"blue"}` + "\n"; !strings.HasSuffix(out.String(), want) {
		t.Errorf("got %s", out.String())
	}
}
