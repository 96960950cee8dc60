//go:build unix && !linux

package rawio

import (
	"errors"
	"syscall"
)

// Write writes what the descriptor takes of p, and returns how many bytes that was.
func Write(fd uintptr, p []byte) (int, syscall.Errno) { return call(syscall.Write, fd, p) }

// Read reads what the descriptor has into p. Without an error, 0 bytes are the end.
func Read(fd uintptr, p []byte) (int, syscall.Errno) { return call(syscall.Read, fd, p) }

func call(system func(fd int, p []byte) (int, error), fd uintptr, p []byte) (int, syscall.Errno) {
	for {
		n, err := system(int(fd), p)
		var errno syscall.Errno
		errors.As(err, &errno)
		if errno != syscall.EINTR {
			return max(n, 0), errno
		}
	}
}
