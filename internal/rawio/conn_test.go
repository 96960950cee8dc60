//go:build unix

package rawio_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
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

// Several goroutines can write at the same time, each a whole text, as with the connection itself.
func TestWrappedConnectionIsWrittenToByMany(t *testing.T) {
	sockets(t, func(t *testing.T, wrapped, other net.Conn) {
		const writers, size = 8, 300 << 10
		var done sync.WaitGroup
		for i := range byte(writers) {
			done.Go(func() {
				if n, err := wrapped.Write(bytes.Repeat([]byte{i}, size)); n != size || err != nil {
					t.Errorf("write: %d, %v", n, err)
				}
			})
		}
		got := make([]byte, size)
		for range writers {
			if _, err := io.ReadFull(other, got); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, bytes.Repeat(got[:1], size)) {
				t.Error("texts were mixed")
			}
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

// Errors are those that the connection itself has, whichever side reports them.
func TestWrappedConnectionFailsAsTheConnectionDoes(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, c, other net.Conn){
		"reset": func(t *testing.T, _, other net.Conn) {
			if err := other.(*net.TCPConn).SetLinger(0); err != nil {
				t.Fatal(err)
			}
			other.Close()
		},
		"deadline": func(t *testing.T, c, _ net.Conn) {
			if err := c.SetDeadline(time.Unix(1, 0)); err != nil {
				t.Fatal(err)
			}
		},
		"closed": func(_ *testing.T, c, _ net.Conn) { c.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			wrapped, other := pair(t, "tcp", "127.0.0.1:0")
			plain, otherToo := pair(t, "tcp", "127.0.0.1:0")
			plain = plain.(interface{ NetConn() net.Conn }).NetConn()
			spoil(t, wrapped, other)
			spoil(t, plain, otherToo)
			said := func(c net.Conn, do func([]byte) (int, error)) string {
				n, err := do(make([]byte, 1))
				if n != 0 || err == nil {
					t.Fatalf("%d, %v", n, err)
				}
				text := strings.ReplaceAll(err.Error(), c.LocalAddr().String(), "local")
				return strings.ReplaceAll(text, c.RemoteAddr().String(), "remote")
			}
			if got, want := said(wrapped, wrapped.Read), said(plain, plain.Read); got != want {
				t.Errorf("read: %s, want %s", got, want)
			}
			if got, want := said(wrapped, wrapped.Write), said(plain, plain.Write); got != want {
				t.Errorf("write: %s, want %s", got, want)
			}
		})
	}
}

// A read of nothing is no end.
func TestWrappedConnectionReadsNothing(t *testing.T) {
	wrapped, _ := pair(t, "tcp", "127.0.0.1:0")
	if n, err := wrapped.Read(nil); n != 0 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}

// What is not of package net itself is used as it is: it may count or slow down what it carries.
func TestOtherConnectionsAreNotWrapped(t *testing.T) {
	a, b := net.Pipe()
	defer b.Close()
	defer a.Close()
	wrapped, _ := pair(t, "tcp", "127.0.0.1:0")
	own := struct{ *net.TCPConn }{wrapped.(interface{ NetConn() net.Conn }).NetConn().(*net.TCPConn)}
	for _, c := range []net.Conn{a, own} {
		if rawio.Wrap(c) != c {
			t.Errorf("%T was wrapped", c)
		}
	}
}
