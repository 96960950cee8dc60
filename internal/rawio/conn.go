//go:build unix

package rawio

import (
	"io"
	"net"
	"os"
	"syscall"
)

// mostAtOnce bounds what one system call copies, in bytes: meanwhile the scheduler can not stop the
// goroutine.
const mostAtOnce = 64 << 10

// Wrap returns c as a connection that reads and writes without telling the scheduler. Otherwise the
// first system call after a pause also wakes the monitor of the runtime, which then looks around for a
// millisecond. One goroutine at a time may read and one may write. A connection without a descriptor is
// returned as it is.
func Wrap(c net.Conn) net.Conn {
	has, ok := c.(syscall.Conn)
	if !ok {
		return c
	}
	raw, err := has.SyscallConn()
	if err != nil {
		return c
	}
	w := &conn{Conn: c, raw: raw}
	w.in.callback, w.out.callback = w.in.onReadable, w.out.onWritable
	return w
}

// conn is a connection with a descriptor. Deadlines and Close are those of the connection.
type conn struct {
	net.Conn
	raw syscall.RawConn // immutable
	in  reading         // owned by who reads
	out writing         // owned by who writes
}

// NetConn is the connection that was wrapped.
func (c *conn) NetConn() net.Conn { return c.Conn }

func (c *conn) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	c.in.into = b[:min(len(b), mostAtOnce)]
	err := c.raw.Read(c.in.callback)
	c.in.into = nil
	switch {
	case err != nil:
		return 0, err
	case c.in.errno != 0:
		return 0, os.NewSyscallError("read", c.in.errno)
	case c.in.n == 0:
		return 0, io.EOF
	}
	return c.in.n, nil
}

func (c *conn) Write(b []byte) (int, error) {
	c.out.left, c.out.errno = b, 0
	err := c.raw.Write(c.out.callback)
	n := len(b) - len(c.out.left)
	c.out.left = nil
	if err == nil && c.out.errno != 0 {
		err = os.NewSyscallError("write", c.out.errno)
	}
	return n, err
}

// reading is a read under way.
type reading struct {
	into     []byte
	n        int
	errno    syscall.Errno
	callback func(uintptr) bool // onReadable
}

// onReadable is called once at first, and then whenever the descriptor is readable, until it returns
// true.
func (r *reading) onReadable(fd uintptr) bool {
	for {
		r.n, r.errno = Read(fd, r.into)
		switch r.errno {
		case syscall.EINTR:
		case syscall.EAGAIN:
			return false
		default:
			return true
		}
	}
}

// writing is a write under way.
type writing struct {
	left     []byte
	errno    syscall.Errno
	callback func(uintptr) bool // onWritable
}

// onWritable is called once at first, and then whenever the descriptor is writable, until it returns
// true.
func (w *writing) onWritable(fd uintptr) bool {
	for len(w.left) > 0 {
		n, errno := Write(fd, w.left[:min(len(w.left), mostAtOnce)])
		w.left = w.left[n:]
		switch errno {
		case 0, syscall.EINTR:
		case syscall.EAGAIN:
			return false
		default:
			w.errno = errno
			return true
		}
	}
	return true
}
