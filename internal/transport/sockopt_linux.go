package transport

import (
	"net"
	"syscall"
)

// unsentLow bounds what the kernel holds of a consumer's bytes before they are sent:
// what waits there can not be conflated. TCP_NOTSENT_LOWAT, Linux 3.12.
const unsentLow = 64 << 10

const tcpNotSentLowat = 25 // linux/tcp.h

// limitUnsent keeps prices from growing old in the kernel's send buffer.
func limitUnsent(c net.Conn) error {
	tcp, ok := bottom(c).(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return err
	}
	var option error
	err = raw.Control(func(fd uintptr) {
		option = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpNotSentLowat, unsentLow)
	})
	if err != nil {
		return err
	}
	return option
}
