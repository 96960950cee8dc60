//go:build unix

package transport

import (
	"io"
	"net"
	"os"
	"syscall"
)

// rawConn does system calls on the descriptor of a TCP connection, so that a reader
// takes its memory only when there is something to read.
type rawConn struct {
	conn syscall.RawConn

	// Owned by the ReadPump.
	socket  *socket
	readErr error
	readFD  func(uintptr) bool

	// Owned by the WritePump.
	out      []byte
	written  int
	writeErr error
	writeFD  func(uintptr)
}

// open reports whether c is a connection for which there are system calls.
func (r *rawConn) open(c net.Conn) bool {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return false
	}
	conn, err := tcp.SyscallConn()
	if err != nil {
		return false
	}
	r.conn, r.readFD, r.writeFD = conn, r.onReadable, r.onWrite
	return true
}

func (r *rawConn) fill(s *socket) error {
	r.socket = s
	if err := r.conn.Read(r.readFD); err != nil {
		return err
	}
	return r.readErr
}

// onReadable is called once at first and then when the descriptor is readable, until
// it returns true.
func (r *rawConn) onReadable(fd uintptr) bool {
	s := r.socket
	place := s.take()
	for {
		n, err := syscall.Read(int(fd), place)
		switch {
		case n > 0:
			s.took(n)
			r.readErr = nil
			return true
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			s.drop()
			return false
		case err != nil:
			r.readErr = os.NewSyscallError("read", err)
		default:
			r.readErr = io.EOF
		}
		s.drop()
		return true
	}
}

// try writes what the kernel takes at once. It needs no readiness and no deadline, and so
// none of the bookkeeping of a write.
func (r *rawConn) try(p []byte) (int, error) {
	r.out = p
	err := r.conn.Control(r.writeFD)
	r.out = nil
	if err != nil {
		return 0, err
	}
	return r.written, r.writeErr
}

func (r *rawConn) onWrite(fd uintptr) {
	r.writeErr = nil
	for {
		n, err := syscall.Write(int(fd), r.out)
		r.written = max(n, 0)
		switch err {
		case nil, syscall.EAGAIN:
		case syscall.EINTR:
			continue
		default:
			r.writeErr = os.NewSyscallError("write", err)
		}
		return
	}
}
