// Package proxied finds out whose a connection is that comes through proxies: from a PROXY header in
// front of it, or from what proxies add to the head of its first request.
package proxied

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
)

// Limits of a PROXY header, bytes.
const (
	maxText   = 107  // of version 1, by its specification
	maxBinary = 4096 // of version 2, behind its first 16
	binaryTop = 16
)

const (
	textSign   = "PROXY "
	binarySign = "\r\n\r\n\x00\r\nQUIT\n"
	least      = len(binarySign) // no header of either version is shorter
)

// ErrNoHeader is wrapped by the error of a connection that does not begin with a PROXY header.
var ErrNoHeader = errors.New("no PROXY header")

// ErrBadHeader is wrapped by the error of a PROXY header that means nothing.
var ErrBadHeader = errors.New("a wrong PROXY header")

// ReadHeader reads the PROXY header (of version 1 or 2) that r must begin with, and nothing behind it. The
// address is the client's. It is not valid if the header says nothing of a client: the proxy speaks for
// itself (LOCAL), or does not know (UNKNOWN, UNSPEC), or its client has no IP address.
func ReadHeader(r io.Reader) (netip.AddrPort, error) {
	var buf [maxText]byte
	n := 0
	for n < least {
		more, err := r.Read(buf[n:least])
		n += more
		if begin := string(buf[:n]); begin != binarySign[:n] && begin != (textSign + begin[min(n, len(textSign)):])[:n] {
			return netip.AddrPort{}, fmt.Errorf("%w, but %q", ErrNoHeader, begin)
		}
		if err != nil && n < least {
			return netip.AddrPort{}, broken(err, n)
		}
	}
	if string(buf[:least]) == binarySign {
		return readBinary(r)
	}
	for !bytes.HasSuffix(buf[:n], []byte("\r\n")) { // byte by byte: what follows is not ours
		if n == maxText {
			return netip.AddrPort{}, fmt.Errorf("%w: version 1 without an end in %d bytes", ErrBadHeader, maxText)
		}
		if _, err := io.ReadFull(r, buf[n:n+1]); err != nil {
			return netip.AddrPort{}, broken(err, n)
		}
		n++
	}
	return parseText(string(buf[:n-2]))
}

func broken(err error, n int) error {
	return fmt.Errorf("the PROXY header ended after %d bytes: %w", n, err)
}

func parseText(line string) (netip.AddrPort, error) {
	fields := strings.Split(line, " ")
	if len(fields) > 1 && fields[1] == "UNKNOWN" {
		return netip.AddrPort{}, nil
	}
	if len(fields) == 6 && (fields[1] == "TCP4" || fields[1] == "TCP6") {
		from, err1 := textAddr(fields[2], fields[4], fields[1] == "TCP4")
		_, err2 := textAddr(fields[3], fields[5], fields[1] == "TCP4")
		if err1 == nil && err2 == nil {
			return from, nil
		}
	}
	return netip.AddrPort{}, fmt.Errorf("%w: %q", ErrBadHeader, line)
}

func textAddr(addr, port string, v4 bool) (netip.AddrPort, error) {
	a, err := netip.ParseAddrPort("[" + addr + "]:" + port)
	if v4 {
		a, err = netip.ParseAddrPort(addr + ":" + port)
	}
	switch {
	case err != nil:
	case a.Addr().Is4() != v4, a.Addr().Zone() != "", port != "0" && port[0] == '0':
		err = errors.New("another family, a zone, or a port with zeros in front")
	}
	return plain(a), err
}

// plain is the address without what IPv6 wraps around one of IPv4.
func plain(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

// readBinary reads a header of version 2 behind its signature.
func readBinary(r io.Reader) (netip.AddrPort, error) {
	var top [binaryTop - least]byte
	if _, err := io.ReadFull(r, top[:]); err != nil {
		return netip.AddrPort{}, broken(err, least)
	}
	version, command, family := top[0]>>4, top[0]&15, top[1]>>4
	size := int(binary.BigEndian.Uint16(top[2:]))
	switch {
	case version != 2:
		return netip.AddrPort{}, fmt.Errorf("%w: version %d, expected 1 or 2", ErrBadHeader, version)
	case command > 1:
		return netip.AddrPort{}, fmt.Errorf("%w: command %d, expected LOCAL or PROXY", ErrBadHeader, command)
	case family > 3 || top[1]&15 > 2:
		return netip.AddrPort{}, fmt.Errorf("%w: family and protocol %#x", ErrBadHeader, top[1])
	case size > maxBinary:
		return netip.AddrPort{}, fmt.Errorf("%w: %d bytes, expected at most %d", ErrBadHeader, binaryTop+size, binaryTop+maxBinary)
	}
	rest := make([]byte, size)
	if n, err := io.ReadFull(r, rest); err != nil {
		return netip.AddrPort{}, broken(err, binaryTop+n)
	}
	length := [...]int{0, 4, 16, 0}[family] // of an address; what is unspecified or a path has none
	switch {
	case command == 0 || length == 0:
		return netip.AddrPort{}, nil
	case size < 2*length+4:
		return netip.AddrPort{}, fmt.Errorf("%w: %d bytes of addresses, expected %d", ErrBadHeader, size, 2*length+4)
	}
	addr, _ := netip.AddrFromSlice(rest[:length])
	return plain(netip.AddrPortFrom(addr, binary.BigEndian.Uint16(rest[2*length:]))), nil
}
