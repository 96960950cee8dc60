//go:build !unix

package transport

import (
	"net"
	"syscall"
)

// rawOf is for systems whose descriptors can be read without blocking.
func rawOf(net.Conn) syscall.RawConn { return nil }

func atEnd(syscall.RawConn) bool { return false }

type rawReader struct{}

func (*rawReader) init(*readSide) {}

func (*rawReader) fill() error { panic("transport: there are no raw connections here") }

type rawWriter struct{}

func (*rawWriter) init() {}

func (*rawWriter) try(syscall.RawConn, []byte) (int, error) {
	panic("transport: there are no raw connections here")
}
