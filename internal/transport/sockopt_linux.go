package transport

import (
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// unsentLow bounds the bytes of a consumer that the kernel holds before it sends them, because
// what waits there cannot be conflated. TCP_NOTSENT_LOWAT, Linux 3.12.
const unsentLow = 64 << 10

// limitUnsent keeps prices from growing old in the kernel's send buffer.
func limitUnsent(c net.Conn) error {
	return onDescriptor(c, func(fd int) error {
		return unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsentLow)
	})
}

// flowOf is how far the writes to c have come, if that is known.
func flowOf(c net.Conn) (f flow, known bool) {
	err := onDescriptor(c, func(fd int) error {
		info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
		if err != nil {
			return err
		}
		sent := info.Bytes_sent - info.Bytes_retrans
		f = flow{acked: info.Bytes_acked, unacked: sent - info.Bytes_acked + uint64(info.Notsent_bytes)}
		f.minRTT = time.Duration(info.Min_rtt) * time.Microsecond
		known = true
		return nil
	})
	return f, known && err == nil
}

// quickAck acknowledges what came at once. A client whose kernel holds back the rest of a frame
// until then (Nagle's algorithm) would otherwise wait for the delayed acknowledgement, 40 ms.
func quickAck(c net.Conn) {
	_ = onDescriptor(c, func(fd int) error { // without it the client is only slower
		return unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1)
	})
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
	var result error
	if err := raw.Control(func(fd uintptr) { result = f(int(fd)) }); err != nil {
		return err
	}
	return result
}
