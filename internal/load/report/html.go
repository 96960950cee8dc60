package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"

	"backbone/internal/human"
	"backbone/internal/load"
)

//go:embed report.html.tmpl
var pageTemplate string

// page is what the template shows.
type page struct {
	*load.Result
	Plots []plot
}

// WriteHTML writes the result as one page with plots.
func WriteHTML(w io.Writer, r *load.Result) error {
	t, err := template.New("report").Funcs(template.FuncMap{
		"millis": human.Millis,
		"count":  human.Count,
		"group":  func(n any) string { return human.Group(integer(n)) },
		"mib":    func(n int) string { return fmt.Sprintf("%.0f MiB", float64(n)/(1<<20)) },
		"kib":    func(n *float64) string { return fmt.Sprintf("%.1f KiB", *n/1024) },
		"trim":   strings.TrimSpace,
		"asked":  func(s load.Settings) string { return asked(&s) },
		"joined": func(c load.Connect) string { return connected(&c) },
		"wrongs": func(d load.Delivery) string { return wrongs(&d) },
		"rows":   rows,
		"value":  func(v *float64) float64 { return *v },
	}).Parse(pageTemplate)
	if err != nil {
		return err
	}
	return t.Execute(w, page{r, plots(r)})
}

func integer(n any) int64 {
	switch n := n.(type) {
	case uint64:
		return int64(n)
	case int64:
		return n
	case int:
		return int64(n)
	}
	return 0
}
