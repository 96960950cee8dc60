//go:build unix

package dialer

import (
	"fmt"
	"net"
	"syscall"
)

// New returns a dialer that sets the receive buffer, bytes, before it connects; 0 or less: the system's own. After connecting, the peer would already
// have been offered the window of the system's own buffer, and could fill it.
func New(receiveBuffer int) *net.Dialer {
	if receiveBuffer <= 0 {
		return new(net.Dialer)
	}
	return &net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		var failed error
		err := c.Control(func(fd uintptr) {
			failed = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, receiveBuffer)
		})
		if err == nil && failed != nil {
			err = fmt.Errorf("Options.ReceiveBuffer: %w", failed)
		}
		return err
	}}
}
