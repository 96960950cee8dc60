//go:build unix && !linux

package redistest

import "syscall"

// dieWithParent asks for nothing: only Linux offers it.
func dieWithParent() *syscall.SysProcAttr { return nil }
