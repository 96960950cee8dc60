package load

import (
	"os"
	"time"

	"github.com/prometheus/procfs"
)

// usage is what a process has used of the machine.
type usage struct {
	known bool // only where there is a /proc to read it from
	cpu   time.Duration
	rss   int // bytes
}

// usageOf reads what a process has used. It is unknown on systems other than Linux.
func usageOf(pid int) usage {
	p, err := procfs.NewProc(pid)
	if err != nil {
		return usage{}
	}
	stat, err := p.Stat()
	if err != nil {
		return usage{}
	}
	return usage{true, time.Duration(stat.CPUTime() * float64(time.Second)), stat.ResidentMemory()}
}

// usages are those of the server, where its process is known, and of this program.
type usages struct{ server, tool usage }

func (r *run) used() (u usages) {
	if r.ServerPID != 0 {
		u.server = usageOf(r.ServerPID)
	}
	u.tool = usageOf(os.Getpid())
	return u
}
