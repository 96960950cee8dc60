//go:build unix

package server

import (
	"errors"
	"syscall"
)

// refused reports whether a dial failed because nobody listens.
func refused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }
