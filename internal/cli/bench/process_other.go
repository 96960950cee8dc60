//go:build !linux

package bench

import "syscall"

// apart does nothing on this system: Ctrl-C also reaches the server of a run.
func apart() *syscall.SysProcAttr { return nil }
