//go:build !linux

package proctest

import "syscall"

// dieWithParent asks for nothing: only Linux offers it.
func dieWithParent() *syscall.SysProcAttr { return nil }
