//go:build unix

package proctest

import "syscall"

// Freeze stops a process without ending it, and Thaw lets it go on.
const (
	Freeze = syscall.SIGSTOP
	Thaw   = syscall.SIGCONT
)
