package config

// Admin says what the admin address serves, and to whom.
type Admin struct {
	AdminTokenFile string `group:"Addresses" placeholder:"FILE" help:"File with a token. The pages of --admin-listen, but for /healthz and /readyz, then ask for it, as Authorization: Bearer TOKEN."`
	AdminPprof     bool   `group:"Addresses" default:"true" negatable:"" help:"Serve profiles of CPU and memory at /debug/pprof/ of --admin-listen."`
}

func (s *Serve) admin() error {
	if s.AdminTokenFile != "" && s.AdminListen == "" {
		return Errorf("admin-token-file", "needs --admin-listen, which is turned off")
	}
	return nil
}
