//go:build unix && !linux

package rawio

import (
	"errors"
	"syscall"
)

// Write writes what the descriptor takes of p, and returns how many bytes that was.
func Write(fd uintptr, p []byte) (int, syscall.Errno) { return result(syscall.Write(int(fd), p)) }

// Read reads what the descriptor has into p. Without an error, 0 bytes are the end.
func Read(fd uintptr, p []byte) (int, syscall.Errno) { return result(syscall.Read(int(fd), p)) }

func result(n int, err error) (int, syscall.Errno) {
	var errno syscall.Errno
	errors.As(err, &errno)
	return max(n, 0), errno
}
