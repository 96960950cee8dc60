package proctest

import "syscall"

// dieWithParent makes the kernel end the program when the test process ends in a way
// that runs no cleanup, such as a panic or a timeout of the test binary.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
