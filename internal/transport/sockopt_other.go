//go:build !linux

package transport

import "net"

// limitUnsent is for systems with TCP_NOTSENT_LOWAT.
func limitUnsent(net.Conn) error { return nil }

// flowOf is for systems that tell what was acknowledged.
func flowOf(net.Conn) (flow, bool) { return flow{}, false }

// quickAck is TCP_QUICKACK, which this system does not have.
func quickAck(net.Conn) {}
