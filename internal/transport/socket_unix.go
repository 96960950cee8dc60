//go:build unix

package transport

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"

	"backbone/internal/rawio"
)

// rawOf returns what system calls on the descriptor of a plain TCP connection go through, nil
// for any other connection.
func rawOf(c net.Conn) syscall.RawConn {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}

// atEnd reports whether a read of the descriptor would bring the end of the stream, or an error.
func atEnd(raw syscall.RawConn) (end bool) {
	if raw == nil {
		return false
	}
	err := raw.Control(func(fd uintptr) {
		var b [1]byte
		n, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		switch {
		case err == nil:
			end = n == 0
		case !errors.Is(err, syscall.EAGAIN) && !errors.Is(err, syscall.EINTR):
			end = true
		}
	})
	return end || err != nil
}

// rawReader reads from a descriptor for a read side, and acquires its memory only when there is
// something to read.
type rawReader struct {
	side     *readSide
	err      error
	callback func(uintptr) bool // onReadable
}

func (r *rawReader) init(side *readSide) { r.side, r.callback = side, r.onReadable }

func (r *rawReader) fill() error {
	if err := r.side.conn.socket.raw.Read(r.callback); err != nil {
		return err
	}
	return r.err
}

// onReadable is called once at first, and then whenever the descriptor is readable, until it
// returns true.
func (r *rawReader) onReadable(fd uintptr) bool {
	var place []byte
	had := 0 // bytes at its begin that were read already
	if r.side.mayPong() {
		var small [lonePong + 1]byte
		n, errno := rawio.Read(fd, small[:])
		switch {
		case errno == syscall.EAGAIN:
			return false
		case r.side.lonePong(small[:n]):
			r.err = nil
			return true
		}
		place = r.side.acquire()
		if had = copy(place, small[:n]); n > 0 && n < len(small) {
			r.side.filled(n)
			r.err = nil
			return true
		}
		place = place[had:]
	} else {
		place = r.side.acquire()
	}
	n, errno := rawio.Read(fd, place)
	switch {
	case n > 0, had > 0: // the next read tells of an end or an error
		r.side.filled(had + n)
		r.err = nil
		return true
	case errno == syscall.EAGAIN:
		r.side.release()
		return false
	case errno != 0:
		r.err = os.NewSyscallError("read", errno)
	default:
		r.err = io.EOF
	}
	r.side.release()
	return true
}

// rawWriter writes to a descriptor for a write side.
type rawWriter struct {
	out      []byte
	written  int
	errno    syscall.Errno
	callback func(uintptr) // onWrite
}

func (r *rawWriter) init() { r.callback = r.onWrite }

// try writes what the kernel takes without waiting. It needs no readiness and no deadline, and
// so none of the bookkeeping of a write.
func (r *rawWriter) try(raw syscall.RawConn, p []byte) (int, error) {
	r.out = p
	err := raw.Control(r.callback)
	r.out = nil
	if err != nil {
		return 0, err
	}
	if r.errno != 0 {
		return r.written, os.NewSyscallError("write", r.errno)
	}
	return r.written, nil
}

func (r *rawWriter) onWrite(fd uintptr) {
	r.written, r.errno = rawio.Write(fd, r.out)
	if r.errno == syscall.EAGAIN {
		r.errno = 0
	}
}
