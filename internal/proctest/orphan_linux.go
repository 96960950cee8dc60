package proctest

import (
	"errors"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// Begin is cmd.Start for a program that ends with the test process, even if that ends in a way that runs no
// cleanup: it panics, is out of time, or is killed (Linux).
//
// The signal that ends an orphan is sent when the starting thread ends, not the process. So a goroutine
// of its own starts the program, and keeps its thread until the program has ended. It does not take the
// program's exit code, which is left to cmd.Wait.
func Begin(cmd *exec.Cmd) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	begun := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		begun <- err
		if err != nil {
			return
		}
		for errors.Is(unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil), unix.EINTR) {
		}
	}()
	return <-begun
}
