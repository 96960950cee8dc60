package proctest

import (
	"math/rand/v2"
	"net"
	"strconv"
	"testing"
)

// Ports are taken from below the range that systems give to outgoing connections, so
// that nobody takes the port of a killed program before it is started again.
const firstPort, lastPort = 20000, 32000

// FreePort returns a port of the loopback address that nobody listens on at this moment.
func FreePort(t testing.TB) int {
	t.Helper()
	for range 100 {
		if port := firstPort + rand.IntN(lastPort-firstPort); Free(port) {
			return port
		}
	}
	t.Fatal("proctest: no free port")
	return 0
}

// Free reports whether nobody listens on the port of the loopback address.
func Free(port int) bool {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	return err == nil && l.Close() == nil
}
