//go:build unix

package dialer

import (
	"net"
	"syscall"
	"testing"
)

// The option is set by the dialer, so before the peer is offered a window.
func TestNewSetsTheReceiveBuffer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	sizes := map[int]int{}
	for _, size := range []int{4 << 10, -1} {
		c, err := New(size).DialContext(t.Context(), "tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		raw, err := c.(*net.TCPConn).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		var option error
		err = raw.Control(func(fd uintptr) {
			sizes[size], option = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF)
		})
		if err != nil || option != nil {
			t.Fatal(err, option)
		}
	}
	if small, own := sizes[4<<10], sizes[-1]; small < 4<<10 || small > 8<<10 || own <= small { // Linux doubles it
		t.Errorf("receive buffers of %d and %d bytes, want 4 to 8 KiB and the system's own", small, own)
	}
}
