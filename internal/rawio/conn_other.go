//go:build !unix

package rawio

import "net"

// Wrap returns c: here connections have no descriptor that can be read without waiting.
func Wrap(c net.Conn) net.Conn { return c }
