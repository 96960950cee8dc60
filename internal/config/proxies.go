package config

import (
	"io/fs"
	"path"
	"strconv"
	"strings"

	"backbone/internal/proxied"
)

// Proxies says what is in front of an instance. Its tags are flags of "backbone serve".
type Proxies struct {
	ListenMode     string   `group:"Proxies" default:"0660" help:"Permissions of the file of --listen unix:/PATH, in octal. Who connects must be allowed to write."`
	PathPrefix     string   `group:"Proxies" placeholder:"/PATH" help:"What is in front of the paths, such as /prices for /prices/ws and /prices/ws/ingest. /healthz and /readyz stay where they are as well."`
	TrustedProxies []string `group:"Proxies" placeholder:"CIDR" help:"Addresses of proxies, such as 10.0.0.0/8, whose X-Forwarded-For (or where there is none, Forwarded) says who a client is, for limits and the log. With --proxy-protocol also whose PROXY header is believed."`
	ProxyProtocol  bool     `group:"Proxies" help:"Every connection to --listen begins with a PROXY header, of version 1 or 2, and is closed without one. Everyone's is believed, unless --trusted-proxies is given."`
}

func (s *Serve) proxies() error {
	if _, err := proxied.Parse(s.TrustedProxies); err != nil {
		return Errorf("trusted-proxies", "%v", err)
	}
	if p := s.PathPrefix; p != "" && (!strings.HasPrefix(p, "/") || path.Clean(p) != p || p == "/" || strings.ContainsFunc(p, notPlain)) {
		return Errorf("path-prefix", "must begin with /, not end with it, and have no characters that need an escape, such as /prices, not %q", p)
	}
	_, err := s.SocketMode()
	return err
}

// notPlain reports whether a character may come escaped in a URL's path.
func notPlain(r rune) bool {
	return r != '/' && r != '-' && r != '_' && r != '.' && r != '~' && (r < '0' || r > '9') && (r|' ' < 'a' || r|' ' > 'z')
}

// SocketMode is the permissions of a Unix socket.
func (s *Serve) SocketMode() (fs.FileMode, error) {
	mode, err := strconv.ParseUint(s.ListenMode, 8, 32)
	if err != nil || fs.FileMode(mode) > fs.ModePerm {
		return 0, Errorf("listen-mode", "must be permissions in octal, such as 0660, not %q", s.ListenMode)
	}
	return fs.FileMode(mode), nil
}

// Rules are those of the flags, which Validate has accepted.
func (p *Proxies) Rules() proxied.Rules {
	trusted, _ := proxied.Parse(p.TrustedProxies)
	return proxied.Rules{Header: p.ProxyProtocol, Trusted: trusted}
}

// UnixPath is the path of an address of a Unix socket. ok is false for any other address.
func UnixPath(address string) (path string, ok bool) { return strings.CutPrefix(address, "unix:") }
