package docs_test

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
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

// reference is metrics.md.
func reference(families []*dto.MetricFamily) string {
	var b bytes.Buffer
	b.WriteString(`# Metrics

All families of ` + "`/metrics`" + ` at the [admin address](operations.md#the-admin-address), generated from the program. ` + "`go test\n./docs -run TestMetricsPage -update-metrics`" + ` writes the page, and a test sees to it that it is current.
[operations.md](operations.md#when-prices-stop) says which ones to look at when, and [its runbook](operations.md#runbook)
what each alert means. Beside them are the ` + "`go_*` and `process_*`" + ` families of the Prometheus library: goroutines, memory,
garbage collector, CPU, file descriptors.

The number of series does not grow with rooms, instruments or clients.

| metric | type | label | meaning |
|---|---|---|---|
`)
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
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.GetName(), strings.ToLower(f.GetType().String()), label, strings.TrimSuffix(f.GetHelp(), "."))
	}
	return b.String()
}

// TestMetricsPage compares metrics.md with what an instance exposes.
func TestMetricsPage(t *testing.T) {
	const page = "metrics.md"
	want := reference(scrape(t))
	if *updateMetrics {
		if err := os.WriteFile(page, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if read(t, page) != want {
		t.Errorf("%s is not current: write it with go test ./docs -run TestMetricsPage -update-metrics. It should be\n%s", page, want)
	}
}
