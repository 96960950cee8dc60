//go:build unix

package screen

import "golang.org/x/sys/unix"

// CanSuspend reports whether a shell can take over and bring the program back. One whose process group is
// that of its session, as in a container or after "ssh host backbone", has none: the system ignores the stop.
func CanSuspend() bool {
	session, err := unix.Getsid(0)
	return err == nil && session != unix.Getpgrp()
}
