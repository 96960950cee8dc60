package docs_test

import (
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	dto "github.com/prometheus/client_model/go"
	"go.yaml.in/yaml/v3"

	"backbone/internal/config"
)

// deployed are the texts of the files of deploy, by their paths.
func deployed(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := fs.WalkDir(os.DirFS("../deploy"), ".", func(name string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			files[name] = read(t, filepath.Join("..", "deploy", name))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestDeployedMetricsExist looks for every metric of the rules and the dashboard.
func TestDeployedMetricsExist(t *testing.T) {
	exist := map[string]bool{}
	for _, f := range scrape(t) {
		exist[f.GetName()] = true
		if f.GetType() == dto.MetricType_HISTOGRAM {
			exist[f.GetName()+"_bucket"] = true
		}
	}
	n := 0
	for name, text := range deployed(t) {
		if !strings.HasPrefix(name, "prometheus/") && !strings.HasPrefix(name, "grafana/") {
			continue
		}
		for _, metric := range regexp.MustCompile(`\b(?:backbone|process|go)_[a-z_]+`).FindAllString(text, -1) {
			n++
			if !exist[metric] {
				t.Errorf("%s: there is no metric %s", name, metric)
			}
		}
	}
	if n < 100 {
		t.Errorf("found only %d names of metrics", n)
	}
	if !json.Valid([]byte(deployed(t)["grafana/backbone.json"])) {
		t.Error("the dashboard is no JSON")
	}
}

// TestDeployedAlertsHaveRunbooks compares the alerts with the runbook: its entries are the alerts,
// and the link of each leads to its own.
func TestDeployedAlertsHaveRunbooks(t *testing.T) {
	var rules struct {
		Groups []struct {
			Rules []struct {
				Alert       string
				Labels      map[string]string
				Annotations struct{ Summary, Runbook string }
			}
		}
	}
	if err := yaml.Unmarshal([]byte(deployed(t)["prometheus/rules.yaml"]), &rules); err != nil {
		t.Fatal(err)
	}
	_, runbook, _ := strings.Cut(read(t, "operations.md"), "\n## Runbook\n")
	runbook, _, _ = strings.Cut(runbook, "\n## ")
	entries := map[string]string{}
	for _, entry := range strings.Split(runbook, "\n### ")[1:] {
		alert, text, _ := strings.Cut(entry, "\n")
		entries[alert] = text
	}
	tested := deployed(t)["prometheus/rules_test.yaml"]
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			flat := strings.Join(strings.Fields(entries[r.Alert]), " ")
			if !strings.Contains(flat, r.Annotations.Summary) || !strings.Contains(flat, "**What to do:** ") || !strings.Contains(flat, "("+r.Labels["severity"]+")") {
				t.Errorf("%s: the runbook has no entry with its summary, its severity and what to do", r.Alert)
			}
			if r.Annotations.Runbook != "docs/operations.md#"+strings.ToLower(r.Alert) {
				t.Errorf("%s links to %s", r.Alert, r.Annotations.Runbook)
			}
			if !strings.Contains(tested, "- name: "+r.Alert+"\n") {
				t.Errorf("%s has no test", r.Alert)
			}
			delete(entries, r.Alert)
		}
	}
	if len(entries) > 0 {
		t.Errorf("the runbook has entries without an alert: %v", slices.Collect(maps.Keys(entries)))
	}
}

// TestDeployedFlagsExist reads the configuration file as the program does, and looks for every
// variable and flag that the other files name.
func TestDeployedFlagsExist(t *testing.T) {
	var cli struct {
		Config config.File
		Serve  config.Serve `cmd:""`
	}
	parser, err := kong.New(&cli, kong.Bind(&config.Lines{}), config.Env())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse([]string{"serve", "--config", "../deploy/backbone.yaml"}); err != nil {
		t.Error(err)
	}
	if err := cli.Serve.Validate(); err != nil {
		t.Errorf("deploy/backbone.yaml: %v", err)
	}
	known := map[string]bool{}
	for _, f := range parser.Model.Leaves(true)[0].AllFlags(false) {
		for _, flag := range f {
			known["--"+flag.Name] = true
			for _, env := range flag.Envs {
				known[env] = true
			}
		}
	}
	n := 0
	for name, text := range deployed(t) {
		if strings.HasPrefix(name, "prometheus/") || strings.HasPrefix(name, "grafana/") {
			continue
		}
		for _, word := range regexp.MustCompile(`\bBACKBONE_[A-Z_]+|(?m:^ExecStart=.* serve .*)`).FindAllString(text, -1) {
			for _, word := range strings.Fields(word) {
				if !strings.HasPrefix(word, "BACKBONE_") && !strings.HasPrefix(word, "--") {
					continue
				}
				n++
				if flag, _, _ := strings.Cut(word, "="); !known[flag] {
					t.Errorf("%s: there is no %s", name, flag)
				}
			}
		}
	}
	if n < 15 {
		t.Errorf("found only %d flags and variables", n)
	}
}

// TestDeployedStopsWaitForTheDrain adds up what a stop takes, and compares it with what the process
// manager waits for before it kills.
func TestDeployedStopsWaitForTheDrain(t *testing.T) {
	files := deployed(t)
	const redis = 2 * time.Second
	duration := func(file, pattern string) time.Duration {
		t.Helper()
		m := regexp.MustCompile(pattern).FindStringSubmatch(files[file])
		if m == nil {
			t.Fatalf("%s has nothing like %s", file, pattern)
		}
		d, err := time.ParseDuration(strings.TrimSuffix(m[1], "s") + "s")
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	for _, c := range []struct{ waits, waitsFor, file, delay, timeout string }{
		{"systemd/backbone.service", `TimeoutStopSec=(\d+s)`, "backbone.yaml", `drain-delay: (\d+s)`, `drain-timeout: (\d+s)`},
		{"docker/compose.yaml", `stop_grace_period: (\d+s)`, "docker/compose.yaml", `DRAIN_DELAY: (\d+s)`, `DRAIN_TIMEOUT: (\d+s)`},
		{"kubernetes/backbone.yaml", `terminationGracePeriodSeconds: (\d+)`, "kubernetes/backbone.yaml", `DRAIN_DELAY[^\n]*\n *value: (\d+s)`, `DRAIN_TIMEOUT[^\n]*\n *value: (\d+s)`},
	} {
		takes := duration(c.file, c.delay) + duration(c.file, c.timeout) + redis
		if strings.HasPrefix(c.file, "kubernetes") {
			takes += duration(c.file, `sleep:\n *seconds: (\d+)`)
		}
		if waits := duration(c.waits, c.waitsFor); waits <= takes {
			t.Errorf("%s waits for %v, and a stop takes up to %v", c.waits, waits, takes)
		}
	}
}
