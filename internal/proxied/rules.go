package proxied

import (
	"io"
	"net"
	"net/netip"
)

// Rules say who is believed about whose a connection is. The zero Rules believe nobody: a connection is
// its peer's.
type Rules struct {
	Header  bool    // each connection begins with a PROXY header
	Trusted Proxies // who is believed; with Header, none: everyone's PROXY header is
}

// Peer is the address of a connection's peer. It has no address, and is local, on a Unix socket.
func Peer(c net.Conn) netip.AddrPort {
	at, _ := netip.ParseAddrPort(c.RemoteAddr().String()) // the zero address where it has none
	return plain(at)
}

// Client is the address of a client that is not the peer.
type Client string

// Network and String make it a net.Addr.
func (c Client) Network() string { return "tcp" }
func (c Client) String() string  { return string(c) }

// Direct reports whether a connection from peer is the peer's own, so that nothing has to be read to know
// whose it is.
func (r Rules) Direct(peer netip.Addr) bool {
	return !r.Header && !r.Trusted.Believe(peer)
}

// Sender reads the PROXY header of a connection from peer, and returns whose it is by that.
func (r Rules) Sender(peer netip.AddrPort, from io.Reader) (netip.AddrPort, error) {
	sender, err := ReadHeader(from)
	if err != nil {
		return peer, err
	}
	believed := len(r.Trusted) == 0 || r.Trusted.Believe(peer.Addr())
	if !sender.IsValid() || !believed {
		return peer, nil
	}
	return sender, nil
}
