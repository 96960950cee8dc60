package cli

import (
	"errors"
	"syscall"

	"golang.org/x/sys/windows"
)

// Windows has several numbers for what Unix has one for, and the one of package syscall
// that is named as on Unix never comes from the system.

func isBrokenPipe(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, windows.ERROR_BROKEN_PIPE) || errors.Is(err, windows.ERROR_NO_DATA)
}

func isRefusedConnection(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, windows.WSAECONNREFUSED)
}
