package admin

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// hosted lets through who names the server by what no web page elsewhere can bring about while no token is
// asked for. A page of evil.example can have that name resolve to this machine: its requests are then of the
// same origin for the browser, but name evil.example as their host.
func (t *Token) hosted(listen string, h http.Handler) http.Handler {
	own := hostname(listen)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if host := hostname(r.Host); t.hash.Load() == nil && !private(host) && !strings.EqualFold(host, own) {
			http.Error(w, fmt.Sprintf("no token is asked for here, so this page is not served as %.253q: ask for it by IP address or as localhost, or set a token", host), http.StatusMisdirectedRequest)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// private reports whether nobody can have a host of this name in public: an IP address is no name, and one
// without a dot, such as localhost, is of this machine or its network.
func private(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil || !strings.Contains(host, ".")
}

// hostname is an address without port and brackets.
func hostname(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return strings.TrimSuffix(strings.TrimPrefix(address, "["), "]")
}
