//go:build !linux

package bench

import "syscall"

// apart has nothing to offer here: Ctrl-C also reaches the server of a run.
func apart() *syscall.SysProcAttr { return nil }
