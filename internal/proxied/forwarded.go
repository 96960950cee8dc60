package proxied

import (
	"fmt"
	"net/netip"
	"strings"
)

// Proxies are the addresses of the proxies that are believed.
type Proxies []netip.Prefix

// Parse reads ranges like 10.0.0.0/8, and single addresses. The error continues after the name of a setting.
func Parse(ranges []string) (p Proxies, err error) {
	for _, text := range ranges {
		prefix, err := netip.ParsePrefix(text)
		if addr, bad := netip.ParseAddr(text); bad == nil && addr.Zone() == "" {
			prefix, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if err != nil {
			return nil, fmt.Errorf("must be addresses or ranges of them, such as 10.0.0.0/8, not %q", text)
		}
		if a := prefix.Addr(); a.Is4In6() && prefix.Bits() >= 96 {
			prefix = netip.PrefixFrom(a.Unmap(), prefix.Bits()-96)
		}
		p = append(p, prefix.Masked())
	}
	return p, nil
}

// Believe reports whether peer is believed about whose a connection is: a trusted proxy is, and a peer
// without an IP address, which is local, on a Unix socket. Without trusted proxies nobody is.
func (p Proxies) Believe(peer netip.Addr) bool {
	return len(p) > 0 && (!peer.IsValid() || p.trust(peer))
}

// trust reports whether the address is that of a proxy that is believed.
func (p Proxies) trust(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	for _, prefix := range p {
		if prefix.Contains(a) {
			return true
		}
	}
	return false
}

// Client returns whose a request is that came from peer, by the values of its headers X-Forwarded-For and,
// where there is none, Forwarded. Each proxy adds the address that it saw at the end. So the client is the
// last address that is no trusted proxy, or the first if all are. What stands before it could be anybody's
// invention. Where an element cannot be read, the one behind it counts: ok is false then. A peer that is
// not believed is the client itself.
func (p Proxies) Client(peer netip.Addr, forwardedFor, forwarded []string) (client netip.Addr, ok bool) {
	if !p.Believe(peer) {
		return peer, true
	}
	elements, read := forwardedFor, bare
	if len(forwardedFor) == 0 {
		elements, read = forwarded, node
	}
	client = peer
	for i := len(elements) - 1; i >= 0; i-- {
		for rest := elements[i]; rest != ""; {
			var last string
			rest, last = cutLast(rest)
			if last = strings.Trim(last, " \t"); last == "" {
				continue // lists may have empty elements
			}
			addr, ok := read(last)
			if !ok {
				return client, false
			}
			if client = addr; !p.trust(addr) {
				return client, true
			}
		}
	}
	return client, true
}

// cutLast cuts the last element off a list whose elements may hold commas in quotes. It reads from the
// end, where a proxy has written, so that a quote that a client left open hides nothing.
func cutLast(list string) (before, last string) {
	quoted := false
	for i := len(list) - 1; i >= 0; i-- {
		switch c := list[i]; {
		case c == '"' && !escaped(list[:i]):
			quoted = !quoted
		case c == ',' && !quoted:
			return list[:i], list[i+1:]
		}
	}
	return "", list
}

// escaped reports whether what follows the text is escaped by it.
func escaped(text string) bool {
	return (len(text)-len(strings.TrimRight(text, `\`)))%2 == 1
}

// bare reads an element of X-Forwarded-For, which has no grammar: an address, perhaps with brackets, a
// port or quotes.
func bare(text string) (netip.Addr, bool) {
	if len(text) > 1 && text[0] == '"' && text[len(text)-1] == '"' {
		text = text[1 : len(text)-1]
	}
	if with, err := netip.ParseAddrPort(text); err == nil {
		return known(with.Addr())
	}
	if inner, ok := strings.CutPrefix(text, "["); ok {
		text, ok = strings.CutSuffix(inner, "]")
		if !ok || !strings.Contains(text, ":") {
			return netip.Addr{}, false
		}
	}
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}, false
	}
	return known(addr)
}

// known is an address that can be somebody's.
func known(a netip.Addr) (netip.Addr, bool) {
	a = a.Unmap().WithZone("")
	return a, !a.IsUnspecified()
}

// node reads the address of an element of Forwarded (RFC 7239): its parameter for.
func node(element string) (netip.Addr, bool) {
	for rest := element; rest != ""; {
		var pair string
		pair, rest = cutPair(rest)
		name, value, _ := strings.Cut(strings.Trim(pair, " \t"), "=")
		if !strings.EqualFold(name, "for") {
			continue
		}
		if quoted, ok := strings.CutPrefix(value, `"`); ok {
			if value, ok = strings.CutSuffix(quoted, `"`); !ok || strings.ContainsAny(value, `"\`) {
				return netip.Addr{}, false // no address needs an escape
			}
		}
		return bare(value)
	}
	return netip.Addr{}, false
}

// cutPair cuts the first parameter off an element.
func cutPair(element string) (pair, rest string) {
	quoted := false
	for i := 0; i < len(element); i++ {
		switch c := element[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case c == ';' && !quoted:
			return element[:i], element[i+1:]
		}
	}
	return element, ""
}

// Key is what counts as one address where clients are limited by address: of IPv6 the network of 64 bits,
// which is the least that one customer gets.
func Key(a netip.Addr) netip.Addr {
	if a = a.Unmap().WithZone(""); !a.Is6() {
		return a
	}
	network, _ := a.Prefix(64) // it has that many bits
	return network.Addr()
}
