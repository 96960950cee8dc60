package server

import (
	"fmt"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"backbone/internal/admin"
	"backbone/internal/reload"
	"backbone/internal/telemetry"
	"backbone/protocol"
)

// buildAdmin builds what the admin address serves.
func (s *Server) buildAdmin(registry *prometheus.Registry) error {
	if err := s.readAdminToken(); err != nil {
		return err
	}
	info := telemetry.Family[string]{Name: "instance_info", Help: "Always 1; the label is the name of the instance.", Kind: telemetry.Gauge,
		Label: "name", Values: []string{s.name}, Value: func(string, string) float64 { return 1 }}
	if err := telemetry.Register(registry, func() string { return s.name }, info); err != nil {
		return err
	}
	health := s.health()
	s.admin = admin.New(admin.Options{
		Registry: registry,
		Token:    &s.adminToken,
		Listen:   s.cfg.AdminListen,
		Pprof:    s.cfg.AdminPprof,
		Open:     map[string]http.Handler{"GET " + protocol.PathHealth: health, "GET " + protocol.PathReady: health},
		Pages:    s.pages(),
		Logger:   s.log,
	})
	return nil
}

func (s *Server) readAdminToken() error {
	name := s.cfg.AdminTokenFile
	if name == "" {
		return nil
	}
	return s.watch("admin-token-file", name, func(file reload.File) (string, error) {
		changed, err := s.adminToken.Set(file.Text)
		if err != nil {
			return "", fmt.Errorf("%s: %w", name, err)
		}
		if !changed {
			return "", nil
		}
		return "the admin pages ask for another token", nil
	})
}
