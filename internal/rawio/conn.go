//go:build unix

package rawio

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
)

// mostAtOnce bounds what one system call copies, in bytes: meanwhile the scheduler can not stop the
// goroutine.
const mostAtOnce = 64 << 10

// Wrap returns c as a connection that reads and writes without telling the scheduler. Otherwise the
// first system call after a pause also wakes the monitor of the runtime, which then looks around for a
// millisecond. While it sleeps, nothing takes the processor from a goroutine that keeps it, so Wrap is
// for processes whose goroutines all run briefly, and not for the SDK. Only a TCP or Unix connection of package net
// is wrapped: another one may do something of its own when it reads and writes. What is returned is safe
// for concurrent use by multiple goroutines, as c is.
func Wrap(c net.Conn) net.Conn {
	var raw syscall.RawConn
	var err error
	switch c := c.(type) {
	case *net.TCPConn:
		raw, err = c.SyscallConn()
	case *net.UnixConn:
		raw, err = c.SyscallConn()
	}
	if raw == nil || err != nil {
		return c
	}
	return &conn{Conn: c, raw: raw, accesses: sync.Pool{New: newAccess}}
}

// conn is a connection with a descriptor. Deadlines and Close are those of the connection.
type conn struct {
	net.Conn
	raw      syscall.RawConn
	accesses sync.Pool // spares each read and write the memory for an access and its functions
}

// NetConn is the connection that was wrapped.
func (c *conn) NetConn() net.Conn { return c.Conn }

func (c *conn) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	a := c.begin(b[:min(len(b), mostAtOnce)])
	defer c.end(a)
	switch err := c.raw.Read(a.readable); {
	case err != nil || a.errno != 0:
		return 0, c.failed("read", err, a.errno)
	case a.done == 0:
		return 0, io.EOF
	}
	return a.done, nil
}

func (c *conn) Write(b []byte) (int, error) {
	a := c.begin(b)
	defer c.end(a)
	if err := c.raw.Write(a.writable); err != nil || a.errno != 0 {
		return a.done, c.failed("write", err, a.errno)
	}
	return a.done, nil
}

// failed returns what a read or a write of package net would, by the error of the wait or else that of
// the system call.
func (c *conn) failed(op string, err error, errno syscall.Errno) error {
	var waiting *net.OpError
	switch {
	case errors.As(err, &waiting):
		err = waiting.Err
	case err == nil:
		err = os.NewSyscallError(op, errno)
	}
	return &net.OpError{Op: op, Net: c.LocalAddr().Network(), Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}

// access is one read or write under way.
type access struct {
	p     []byte
	done  int // of p, bytes
	errno syscall.Errno

	readable, writable func(fd uintptr) bool // onReadable and onWritable
}

func newAccess() any {
	a := new(access)
	a.readable, a.writable = a.onReadable, a.onWritable
	return a
}

func (c *conn) begin(p []byte) *access {
	a := c.accesses.Get().(*access) //nolint:forcetypeassert // it has nothing else
	a.p, a.done, a.errno = p, 0, 0
	return a
}

func (c *conn) end(a *access) {
	a.p = nil
	c.accesses.Put(a)
}

// onReadable is called once at first, and then whenever the descriptor is readable, until it returns
// true.
func (a *access) onReadable(fd uintptr) bool {
	a.done, a.errno = Read(fd, a.p)
	return a.errno != syscall.EAGAIN
}

// onWritable is called once at first, and then whenever the descriptor is writable, until it returns
// true.
func (a *access) onWritable(fd uintptr) bool {
	for a.done < len(a.p) {
		n, errno := Write(fd, a.p[a.done:min(len(a.p), a.done+mostAtOnce)])
		a.done += n
		switch errno {
		case 0:
		case syscall.EAGAIN:
			return false
		default:
			a.errno = errno
			return true
		}
	}
	return true
}
