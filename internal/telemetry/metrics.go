package telemetry

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

const namespace = "backbone"

// Kind says how the values of a family change.
type Kind = prometheus.ValueType

// The kinds of families.
const (
	Counter = prometheus.CounterValue // only grows; its name ends in _total
	Gauge   = prometheus.GaugeValue   // goes up and down
)

// Family describes the metrics of one name and how to read them from a snapshot S.
type Family[S any] struct {
	Name   string   // without the leading "backbone_"
	Help   string   // one sentence; with the unit if the name does not have it
	Kind   Kind     // Counter or Gauge
	Label  string   // the one label; empty for a family with a single value
	Values []string // each value of the label that can occur: all are exposed from the start

	// Value reads the family's value, for the given value of the label, from a snapshot.
	Value func(snapshot S, label string) float64
}

// NewRegistry returns a registry with the go_* and process_* families, and with
// backbone_build_info, which carries the version of the program.
func NewRegistry(version string) *prometheus.Registry {
	reg := prometheus.NewRegistry()
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace:   namespace,
		Name:        "build_info",
		Help:        "Always 1; the label is the version.",
		ConstLabels: prometheus.Labels{"version": version},
	})
	build.Set(1)
	reg.MustRegister( // cannot fail in an empty registry
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		build,
	)
	return reg
}

// Register exposes families. Each scrape calls snapshot once and reads all values from it.
// Scrapes can overlap, so snapshot must be safe for concurrent use by multiple goroutines.
// The error says what is wrong with a family, or that its name is taken.
func Register[S any](reg prometheus.Registerer, snapshot func() S, families ...Family[S]) error {
	c := &collector[S]{snapshot: snapshot}
	for _, f := range families {
		if (f.Label == "") != (len(f.Values) == 0) {
			return fmt.Errorf("metric %s: needs a label with its values, or neither", f.Name)
		}
		var labels []string
		if f.Label != "" {
			labels = []string{f.Label}
		}
		desc := prometheus.NewDesc(prometheus.BuildFQName(namespace, "", f.Name), f.Help, labels, nil)
		c.families = append(c.families, described[S]{f, desc})
	}
	if err := reg.Register(c); err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	return nil
}

type described[S any] struct {
	Family[S]
	desc *prometheus.Desc
}

type collector[S any] struct {
	snapshot func() S
	families []described[S]
}

func (c *collector[S]) Describe(descs chan<- *prometheus.Desc) {
	for _, f := range c.families {
		descs <- f.desc
	}
}

func (c *collector[S]) Collect(metrics chan<- prometheus.Metric) {
	s := c.snapshot()
	for _, f := range c.families {
		if f.Label == "" {
			metrics <- prometheus.MustNewConstMetric(f.desc, f.Kind, f.Value(s, ""))
			continue
		}
		for _, label := range f.Values {
			metrics <- prometheus.MustNewConstMetric(f.desc, f.Kind, f.Value(s, label), label)
		}
	}
}
