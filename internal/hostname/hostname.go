// Package hostname tells names of servers apart that a stranger can have from those that nobody can. A page of
// evil.example can have that name resolve to the machine of whoever reads the page (DNS rebinding): its requests
// are then of the same origin for the browser, but name evil.example as their host.
package hostname

import (
	"net"
	"net/netip"
	"slices"
	"strings"
)

// Private reports whether nobody can have a host of this name in public: an IP address is no name, and one
// without a dot, such as localhost, is of this machine or its network.
func Private(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil || !strings.Contains(host, ".")
}

// reserved are the last labels that nobody can register: of the machine itself, and of a private network, such as
// host.docker.internal.
var reserved = []string{"localhost", "internal"}

// Reserved reports whether the name has a dot and is nobody's in public even so.
func Reserved(host string) bool {
	dot := strings.LastIndexByte(host, '.')
	return dot >= 0 && slices.Contains(reserved, strings.ToLower(host[dot+1:]))
}

// Of is an address without port and brackets.
func Of(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return strings.TrimSuffix(strings.TrimPrefix(address, "["), "]")
}
