// Package serverurl reads the URLs of servers, by the same rules for the SDK and the programs.
package serverurl

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// Server is where one server is.
type Server struct {
	url url.URL // with the scheme ws or wss
}

// Parse reads URLs with commas between them. Blanks around a URL do not matter. The error begins
// with "must", so that the name of a flag or an argument fits before it, and holds no password or token.
func Parse(text string) ([]Server, error) {
	var servers []Server
	private := strings.Contains(text, "@") // anything before it may be of a password that has commas
	for _, one := range strings.Split(text, ",") {
		s, err := parse(strings.TrimSpace(one), private)
		if err != nil {
			return nil, err
		}
		private = private || strings.Contains(one, "?") // what comes now may be of a token that has commas
		servers = append(servers, s)
	}
	return servers, nil
}

// parse reads one URL. The error does not repeat what is private.
func parse(text string, private bool) (Server, error) {
	u, err := url.Parse(text)
	if !strings.Contains(text, "://") || err != nil {
		return Server{}, unlike(text, private)
	}
	switch u.Scheme {
	case "http":
		u.Scheme = "ws"
	case "https":
		u.Scheme = "wss"
	case "ws", "wss":
	default:
		return Server{}, unlike(text, private)
	}
	if u.Hostname() == "" {
		return Server{}, unlike(text, private)
	}
	if port, err := strconv.ParseUint(u.Port(), 10, 16); u.Port() != "" && (err != nil || port == 0) {
		if private {
			return Server{}, errors.New("must have a port from 1 to 65535")
		}
		return Server{}, fmt.Errorf("must have a port from 1 to 65535, not %s", u.Port())
	}
	if u.Fragment != "" {
		return Server{}, errors.New("must not have a part after #: write %23 for a # that belongs to it")
	}
	return Server{*u}, nil
}

// unlike says what a URL looks like. What follows a ? may be a token, and is not repeated.
func unlike(text string, private bool) error {
	const like = "must be like ws://host:port or wss://host:port"
	if private {
		return errors.New(like)
	}
	shown, _, query := strings.Cut(text, "?")
	meant := ""
	if !strings.Contains(text, "://") && hostLike(text) {
		meant = fmt.Sprintf(": did you mean ws://%s?", shown)
	}
	if query {
		shown += "?..."
	}
	return fmt.Errorf("%s, not %q%s", like, shown, meant)
}

// hostLike reports whether text is a host and perhaps a port and a path, and lacks only its scheme.
func hostLike(text string) bool {
	s, err := parse("ws://"+text, true)
	return err == nil && s.url.Hostname() != "ws" && s.url.Hostname() != "wss"
}

// Secure reports whether the server is reached by TLS.
func (s *Server) Secure() bool { return s.url.Scheme == "wss" }

// HoldsCredentials reports whether the URL has a user or a password.
func (s *Server) HoldsCredentials() bool { return s.url.User != nil }

// To is the URL to connect to, for one of the server's paths such as /ws.
func (s *Server) To(path string) string {
	u := s.at(path)
	return u.String()
}

// Shown is To for people: without a password, and without what follows a ?, which may hold one.
func (s *Server) Shown(path string) string {
	u := s.at(path)
	if u.RawQuery != "" {
		u.RawQuery = "..."
	}
	return u.Redacted()
}

// paths are those of the server. A URL that ends with one of them is the same without it.
var paths = []string{"/ws/ingest", "/ws"}

// at is the URL with the path behind its own, which is a base.
func (s *Server) at(path string) url.URL {
	u := s.url
	u.Path = base(u.Path) + path
	if u.RawPath != "" {
		u.RawPath = base(u.RawPath) + path
	}
	return u
}

func base(path string) string {
	for _, p := range paths {
		if before, ok := strings.CutSuffix(path, p); ok {
			return before
		}
	}
	return strings.TrimSuffix(path, "/")
}
