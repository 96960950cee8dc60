package cli

import (
	"os"

	"golang.org/x/sys/unix"
)

// thread is the system's number of the thread that runs this.
func thread() int64 { return int64(unix.Gettid()) }

// discard throws away what a terminal was sent and has not taken. A write that waits for the terminal does not
// notice: a signal that the runtime heeds anyway has it look again.
func discard(f *os.File, writer int64) {
	_ = unix.IoctlSetInt(int(f.Fd()), unix.TCFLSH, unix.TCOFLUSH)
	_ = unix.Tgkill(os.Getpid(), int(writer), unix.SIGURG)
}
