package auth

import (
	"net/url"
	"strings"

	"backbone/internal/hostname"
)

// Origins are the web pages that may connect. With the zero value only pages of the
// server's own host may connect.
type Origins struct {
	all    bool
	listed map[string]bool // normalized
	names  map[string]bool // their hosts, without ports
}

// NewOrigins makes Origins of a list of origins like "https://app.example.com", or "*" for
// all. An entry that is not an origin matches nothing.
func NewOrigins(list []string) Origins {
	o := Origins{listed: map[string]bool{}, names: map[string]bool{}}
	for _, text := range list {
		if text == "*" {
			o.all = true
		} else if scheme, host, ok := splitOrigin(text); ok {
			o.listed[scheme+"://"+host] = true
			o.names[hostname.Of(host)] = true
		}
	}
	return o
}

// Allowed reports whether a request with this Origin header may connect; host is its Host
// header. A request without an Origin is allowed, because it does not come from a browser.
// The check protects the users of browsers, whom any page could make connect, not the server.
func (o Origins) Allowed(origin, host string) bool {
	if origin == "" || o.all {
		return true
	}
	scheme, originHost, ok := splitOrigin(origin)
	return ok && (o.listed[scheme+"://"+originHost] || originHost == dropDefaultPort(scheme, strings.ToLower(host)))
}

// Rebound reports whether a request may come from a page of a stranger whose name was made to resolve to this
// machine, see package hostname: it is then of the server's own origin. It must be one that Allowed allows, and come
// without TLS, which such a page fails at. With TLS at the page's own server its browser does not let it do this.
func (o Origins) Rebound(origin, host string) bool {
	name := strings.ToLower(hostname.Of(host))
	if o.all || hostname.Private(name) || hostname.Reserved(name) || o.names[name] {
		return false
	}
	scheme, originHost, ok := splitOrigin(origin)
	return !ok || scheme == "http" && !o.listed[scheme+"://"+originHost]
}

// splitOrigin returns the scheme and the host in lower case, without a port that the
// scheme implies.
func splitOrigin(origin string) (scheme, host string, ok bool) {
	u, err := url.Parse(strings.TrimSuffix(origin, "/")) // some libraries write the page's root
	if err != nil || u.Host == "" || u.Scheme == "" || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return "", "", false
	}
	scheme = u.Scheme
	switch scheme { // some write the address of the WebSocket
	case "ws":
		scheme = "http"
	case "wss":
		scheme = "https"
	}
	return scheme, dropDefaultPort(scheme, strings.ToLower(u.Host)), true
}

func dropDefaultPort(scheme, host string) string {
	switch scheme {
	case "http":
		return strings.TrimSuffix(host, ":80")
	case "https":
		return strings.TrimSuffix(host, ":443")
	}
	return host
}
