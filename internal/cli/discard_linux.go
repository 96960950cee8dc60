package cli

import (
	"os"

	"golang.org/x/sys/unix"
)

// discard throws away what a terminal was sent and has not taken.
func discard(f *os.File) { _ = unix.IoctlSetInt(int(f.Fd()), unix.TCFLSH, unix.TCOFLUSH) }
