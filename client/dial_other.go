//go:build !unix

package client

import "net"

// newDialer leaves the receive buffer as it is; it is set once there is a connection.
func newDialer(int) *net.Dialer { return new(net.Dialer) }
