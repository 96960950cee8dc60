package server

import (
	"crypto/tls"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"backbone/internal/certs"
	"backbone/internal/telemetry"
)

// certificates reads the certificate of the listener, which is watched from then on; nil: plain
// connections.
func (s *Server) certificates() (*tls.Config, error) {
	if s.cfg.TLSCert == "" {
		return nil, nil //nolint:nilnil // plain connections
	}
	s.certs = certs.New(s.log)
	files, flags := []string{s.cfg.TLSCert, s.cfg.TLSKey}, "--tls-cert, --tls-key"
	if s.cfg.TLSClientCA != "" {
		files, flags = append(files, s.cfg.TLSClientCA), flags+", --tls-client-ca"
	}
	if err := s.reload.Watch("tls-cert", files, s.certs.Take); err != nil {
		return nil, fmt.Errorf("%s: %w", flags, err)
	}
	return s.certs.Config(), nil
}

func (s *Server) certificateMetrics(reg *prometheus.Registry) error {
	expires := func() float64 {
		if s.certs == nil {
			return 0
		}
		return float64(s.certs.Expires().Unix())
	}
	return telemetry.Register(reg, expires, telemetry.Family[float64]{
		Name: "certificate_expiry_timestamp_seconds", Kind: telemetry.Gauge,
		Help:  "When the certificate of the listener, or the first of those behind it in its file, expires, Unix time; 0: without TLS.",
		Value: func(at float64, _ string) float64 { return at },
	})
}
