//go:build !unix

package transport

import "net"

// rawConn needs descriptors that can be read without blocking.
type rawConn struct{}

func (*rawConn) open(net.Conn) bool { return false }

func (*rawConn) fill(*socket) error { panic("transport: there are no raw connections here") }

func (*rawConn) try([]byte) (int, error) { panic("transport: there are no raw connections here") }
