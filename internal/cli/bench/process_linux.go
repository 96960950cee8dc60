package bench

import "syscall"

// apart keeps the terminal's Ctrl-C from a process, because bench stops it after the run. If
// bench is killed, the kernel ends the process.
func apart() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
