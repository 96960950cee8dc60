//go:build !unix

package proctest

import "syscall"

// Freeze and Thaw are not known here: Signal refuses them with an error.
const (
	Freeze = syscall.Signal(-1)
	Thaw   = syscall.Signal(-2)
)
