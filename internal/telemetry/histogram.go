package telemetry

import "github.com/prometheus/client_golang/prometheus"

// histogram is a histogram that is counted elsewhere.
type histogram struct {
	desc *prometheus.Desc
	read func() (count uint64, sum float64, buckets map[float64]uint64)
}

// RegisterHistogram exposes a histogram without labels. At each scrape read returns the number of
// measurements, their sum, and for each upper bound how many were not above it; it is safe for
// concurrent use by multiple goroutines. The error tells that the name is taken.
func RegisterHistogram(reg prometheus.Registerer, name, help string, read func() (count uint64, sum float64, buckets map[float64]uint64)) error {
	return reg.Register(histogram{prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, nil, nil), read})
}

func (h histogram) Describe(descs chan<- *prometheus.Desc) { descs <- h.desc }

func (h histogram) Collect(metrics chan<- prometheus.Metric) {
	count, sum, buckets := h.read()
	metrics <- prometheus.MustNewConstHistogram(h.desc, count, sum, buckets)
}
