package docs_test

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"
)

var updateMetrics = flag.Bool("update-metrics", false, "write metrics.md")

// exposed is /metrics of an instance with Redis. It has all families.
func exposed(t *testing.T) []byte {
	t.Helper()
	s := startServer(t, "--admin-listen=127.0.0.1:0", "--redis-url=redis://127.0.0.1:1")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.AdminAddr().String()+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// scrape are the families of exposed, sorted by name.
func scrape(t *testing.T) []*dto.MetricFamily {
	t.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	byName, err := parser.TextToMetricFamilies(bytes.NewReader(exposed(t)))
	if err != nil {
		t.Fatal(err)
	}
	var families []*dto.MetricFamily
	for _, f := range byName {
		families = append(families, f)
	}
	slices.SortFunc(families, func(a, b *dto.MetricFamily) int { return cmp.Compare(a.GetName(), b.GetName()) })
	return families
}

// watched are the alerts that watch each metric.
func watched(t *testing.T) map[string][]string {
	t.Helper()
	var rules struct {
		Groups []struct {
			Rules []struct{ Alert, Expr string }
		}
	}
	if err := yaml.Unmarshal([]byte(read(t, "../deploy/prometheus/rules.yaml")), &rules); err != nil {
		t.Fatal(err)
	}
	found := map[string][]string{}
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			for _, metric := range regexp.MustCompile(`\bbackbone_[a-z_]+`).FindAllString(r.Expr, -1) {
				metric = strings.TrimSuffix(metric, "_bucket")
				if link := fmt.Sprintf("[`%s`](operations.md#%s)", r.Alert, strings.ToLower(r.Alert)); !slices.Contains(found[metric], link) {
					found[metric] = append(found[metric], link)
				}
			}
		}
	}
	return found
}

// unit is what a metric counts in, by the words that its name ends with.
func unit(name string) string {
	for _, u := range []struct{ suffix, unit string }{
		{"_timestamp_seconds", "Unix time, s"}, {"_seconds", "s"}, {"_seconds_total", "s"}, {"_bytes", "bytes"}, {"_bytes_total", "bytes"},
		{"_info", ""}, {"_state", "0 or 1"}, {"_failed", "0 or 1"},
	} {
		if strings.HasSuffix(name, u.suffix) {
			return u.unit
		}
	}
	return "number"
}

// reference is metrics.md.
func reference(t *testing.T, families []*dto.MetricFamily) string {
	t.Helper()
	var b bytes.Buffer
	b.WriteString(`# Metrics

All families of ` + "`/metrics`" + ` at the [admin address](operations.md#the-admin-address), generated from the program. ` + "`go test\n./docs -run TestMetricsPage -update-metrics`" + ` writes the page, and a test sees to it that it is current.
[operations.md](operations.md#when-prices-stop) says which ones to look at when, and [its runbook](operations.md#runbook)
what each alert means. Beside them are the ` + "`go_*` and `process_*`" + ` families of the Prometheus library: goroutines, memory,
garbage collector, CPU, file descriptors.

The number of series does not grow with rooms, instruments or clients. The units of ` + "`backbone_limit` and\n`backbone_limit_used`" + ` are those of each limit.

The last column says when to act. Where an alert watches the metric, its entry in the runbook has what to do. A ` + "`-`" + ` is a
metric to look at beside others.

| metric | type | unit | label | meaning | act when |
|---|---|---|---|---|---|
`)
	alerts := watched(t)
	rest := maps.Clone(acts)
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "backbone_") {
			continue
		}
		label := ""
		var values []string
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				label = "`" + l.GetName() + "`"
				values = append(values, l.GetValue())
			}
		}
		slices.Sort(values)
		if len(values) > 1 {
			label += ": " + strings.Join(values, ", ")
		}
		name := f.GetName()
		act, ok := rest[name]
		if delete(rest, name); ok == (alerts[name] != nil) {
			t.Errorf("%s: when to act is said by alerts (%d), or else by acts (%t)", name, len(alerts[name]), ok)
		}
		act = strings.Join(append(alerts[name], act), " ")
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s |\n", name, strings.ToLower(f.GetType().String()), unit(name), label, strings.TrimSuffix(f.GetHelp(), "."), strings.TrimSpace(act))
	}
	if len(rest) > 0 {
		t.Errorf("acts has metrics that are gone: %v", rest)
	}
	return b.String()
}

// TestMetricsPage compares metrics.md with what an instance exposes.
func TestMetricsPage(t *testing.T) {
	const page = "metrics.md"
	want := reference(t, scrape(t))
	if *updateMetrics {
		if err := os.WriteFile(page, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if read(t, page) != want {
		t.Errorf("%s is not current: write it with go test ./docs -run TestMetricsPage -update-metrics. It should be\n%s", page, want)
	}
}
