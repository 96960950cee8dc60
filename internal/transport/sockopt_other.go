//go:build !linux

package transport

import "net"

// limitUnsent is for systems with TCP_NOTSENT_LOWAT.
func limitUnsent(net.Conn) error { return nil }

// unacknowledged is for systems with SIOCOUTQ.
func unacknowledged(net.Conn) int { return -1 }
