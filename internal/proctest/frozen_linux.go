package proctest

import (
	"os"

	"golang.org/x/sys/unix"
)

// Frozen waits until a child that was sent Freeze stands still. A signal to a process that runs
// on another core takes effect a moment later.
func Frozen(p *os.Process) error {
	for {
		err := unix.Waitid(unix.P_PID, p.Pid, nil, unix.WSTOPPED|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			return os.NewSyscallError("waitid", err)
		}
	}
}
