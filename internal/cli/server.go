package cli

import "backbone/internal/config"

// Server is the flags by which a command reaches one server, whose URL can also be its argument.
type Server struct {
	Address string `arg:"" optional:"" name:"url" help:"Server, as ws://host:port, or wss://host:port for TLS. It goes before --url."`
	Access  `embed:""`
}

// Validate is called by kong.
func (s *Server) Validate() error {
	if s.Address != "" {
		s.URLs, s.flag = []string{s.Address}, "url"
	}
	if err := s.Connection.Validate(); err != nil {
		return err
	}
	if len(s.servers()) != 1 {
		return config.Errorf("url", "must be one URL")
	}
	return nil
}
