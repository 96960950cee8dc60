package transport

import (
	"net"

	"golang.org/x/sys/unix"
)

// unsentLow bounds what the kernel holds of a consumer's bytes before they are sent:
// what waits there can not be conflated. TCP_NOTSENT_LOWAT, Linux 3.12.
const unsentLow = 64 << 10

// limitUnsent keeps prices from growing old in the kernel's send buffer.
func limitUnsent(c net.Conn) error {
	return onDescriptor(c, func(fd int) error {
		return unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsentLow)
	})
}

// unacknowledged is the number of bytes written that the peer's kernel has not
// acknowledged; -1: not known.
func unacknowledged(c net.Conn) int {
	n := -1
	err := onDescriptor(c, func(fd int) (err error) {
		n, err = unix.IoctlGetInt(fd, unix.SIOCOUTQ)
		return err
	})
	if err != nil {
		return -1
	}
	return n
}

// onDescriptor calls f with the descriptor of a TCP connection, if c is one.
func onDescriptor(c net.Conn, f func(fd int) error) error {
	tcp, ok := bottom(c).(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = f(int(fd)) }); err != nil {
		return err
	}
	return failed
}
