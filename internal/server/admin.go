package server

import (
	"fmt"
	"net/http"
	"os"

	"github.com/prometheus/client_golang/prometheus"

	"backbone/internal/admin"
	"backbone/protocol"
)

// buildAdmin builds what the admin address serves.
func (s *Server) buildAdmin(registry *prometheus.Registry) error {
	if err := s.readAdminToken(); err != nil {
		return err
	}
	health := s.health()
	s.admin = admin.New(admin.Options{
		Registry: registry,
		Token:    &s.adminToken,
		Pprof:    s.cfg.AdminPprof,
		Open:     map[string]http.Handler{"GET " + protocol.PathHealth: health, "GET " + protocol.PathReady: health},
		Logger:   s.log,
	})
	return nil
}

func (s *Server) readAdminToken() error {
	name := s.cfg.AdminTokenFile
	if name == "" {
		return nil
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("--admin-token-file: %w", err)
	}
	if err := s.adminToken.Set(text); err != nil {
		return fmt.Errorf("--admin-token-file: %s: %w", name, err)
	}
	return nil
}
