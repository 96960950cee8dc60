package bench

import "syscall"

// apart keeps the terminal's Ctrl-C from a process, which is stopped by us once it has
// done its work, and ends it should we be killed.
func apart() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
