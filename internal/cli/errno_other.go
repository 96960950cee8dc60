//go:build !windows

package cli

import (
	"errors"
	"syscall"
)

func isBrokenPipe(err error) bool { return errors.Is(err, syscall.EPIPE) }

func isRefusedConnection(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }
