package config

import (
	"fmt"
	"net"
	"os"
	"strings"
	"unicode"
)

// Admin says what the admin address serves, and to whom.
type Admin struct {
	AdminTokenFile string `group:"Addresses" placeholder:"FILE" help:"File with a token. The pages of --admin-listen, but for /healthz and /readyz, then ask for it, as Authorization: Bearer TOKEN."`
	InstanceName   string `group:"Log" placeholder:"NAME" help:"Name of this instance in logs, metrics and admin pages. Without it the host's name and the port of --listen."`
	AdminPprof     bool   `group:"Addresses" default:"true" negatable:"" help:"Serve profiles of CPU and memory at /debug/pprof/ of --admin-listen."`
}

func (s *Serve) admin() error {
	if s.AdminTokenFile != "" && s.AdminListen == "" {
		return Errorf("admin-token-file", "needs --admin-listen, which is turned off")
	}
	if strings.ContainsFunc(s.InstanceName, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }) || len(s.InstanceName) > maxName {
		return Errorf("instance-name", "must have at most %d characters, none of them a blank", maxName)
	}
	return nil
}

const maxName = 128

// Name is the name of the instance for operators.
func (s *Serve) Name() string {
	if s.InstanceName != "" {
		return s.InstanceName
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	switch _, port, err := net.SplitHostPort(s.Listen); {
	case err != nil: // no port: a socket of this machine
		return host + ":" + s.Listen
	case port == "0": // each start has another one
		return fmt.Sprintf("%s:pid%d", host, os.Getpid())
	default:
		return host + ":" + port
	}
}
