//go:build unix

package rawio_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"backbone/internal/rawio"
)

// pair returns both ends of a connection, the first of them wrapped.
func pair(t *testing.T, network, address string) (wrapped, other net.Conn) {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dialed, err := net.Dial(network, l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	other, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dialed.Close(); other.Close() })
	wrapped = rawio.Wrap(dialed)
	if wrapped == dialed {
		t.Fatal("a socket was not wrapped")
	}
	return wrapped, other
}

// sockets calls f for each kind of socket.
func sockets(t *testing.T, f func(t *testing.T, wrapped, other net.Conn)) {
	t.Run("tcp", func(t *testing.T) {
		wrapped, other := pair(t, "tcp", "127.0.0.1:0")
		f(t, wrapped, other)
	})
	t.Run("unix", func(t *testing.T) {
		wrapped, other := pair(t, "unix", filepath.Join(t.TempDir(), "s"))
		f(t, wrapped, other)
	})
}

// Both directions carry at the same time more than the kernel holds, unchanged and in order, and then
// the end.
func TestWrappedConnectionCarriesBothWays(t *testing.T) {
	sockets(t, func(t *testing.T, wrapped, other net.Conn) {
		sent := make([]byte, 5<<20+17)
		for i := range sent {
			sent[i] = byte(i * i >> 8)
		}
		var done sync.WaitGroup
		for _, c := range []net.Conn{wrapped, other} {
			from := c
			done.Go(func() {
				if n, err := c.Write(sent); n != len(sent) || err != nil {
					t.Errorf("write: %d of %d bytes, %v", n, len(sent), err)
				}
				if w, ok := c.(interface{ NetConn() net.Conn }); ok {
					c = w.NetConn()
				}
				if err := c.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
					t.Error(err)
				}
			})
			done.Go(func() {
				got, err := io.ReadAll(from)
				if err != nil || !bytes.Equal(got, sent) {
					t.Errorf("read: %d of %d bytes, %v", len(got), len(sent), err)
				}
			})
		}
		done.Wait()
	})
}

// A read and a write that wait end with their deadline, and what the write has written before is told.
func TestWrappedConnectionHasDeadlines(t *testing.T) {
	sockets(t, func(t *testing.T, wrapped, other net.Conn) {
		if err := wrapped.SetDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if n, err := wrapped.Read(make([]byte, 1)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read: %d, %v", n, err)
		}
		all := make([]byte, 16<<20)
		n, err := wrapped.Write(all)
		if n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("write after the deadline: %d, %v", n, err)
		}
		if err := wrapped.SetDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if n, err = wrapped.Write(all); n == 0 || n == len(all) || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("write to a peer that reads nothing: %d, %v", n, err)
		}
		if err := wrapped.Close(); err != nil {
			t.Fatal(err)
		}
		if got, err := io.Copy(io.Discard, other); got != int64(n) || err != nil {
			t.Errorf("the peer has %d of %d bytes, %v", got, n, err)
		}
	})
}

// Close ends a read and a write that wait.
func TestCloseEndsWhatWaits(t *testing.T) {
	sockets(t, func(t *testing.T, wrapped, _ net.Conn) {
		var done sync.WaitGroup
		done.Go(func() {
			if _, err := wrapped.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
				t.Errorf("read: %v", err)
			}
		})
		done.Go(func() {
			if _, err := wrapped.Write(make([]byte, 16<<20)); !errors.Is(err, net.ErrClosed) {
				t.Errorf("write: %v", err)
			}
		})
		if err := wrapped.Close(); err != nil {
			t.Error(err)
		}
		done.Wait()
	})
}

// Errors of the system come through.
func TestWrappedConnectionTellsOfAReset(t *testing.T) {
	wrapped, other := pair(t, "tcp", "127.0.0.1:0")
	if err := other.(*net.TCPConn).SetLinger(0); err != nil {
		t.Fatal(err)
	}
	other.Close()
	if n, err := wrapped.Read(make([]byte, 1)); n != 0 || err == nil || errors.Is(err, io.EOF) {
		t.Errorf("read: %d, %v", n, err)
	}
	if n, err := wrapped.Write([]byte("x")); n != 0 || err == nil {
		t.Errorf("write: %d, %v", n, err)
	}
	if n, err := wrapped.Read(nil); n != 0 || err != nil {
		t.Errorf("read of nothing: %d, %v", n, err)
	}
}

// What has no descriptor is used as it is.
func TestPipeIsNotWrapped(t *testing.T) {
	a, b := net.Pipe()
	defer b.Close()
	defer a.Close()
	if rawio.Wrap(a) != a {
		t.Error("a pipe was wrapped")
	}
}
