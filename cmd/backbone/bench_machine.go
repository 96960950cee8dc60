package main

import (
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/prometheus/procfs"

	"backbone/internal/cli"
)

// benchMachine is where a run was made.
type benchMachine struct {
	CPU     string `json:"cpu,omitempty"` // model; empty where the system does not tell
	Cores   int    `json:"cores"`
	Go      string `json:"go"`
	System  string `json:"system"` // with the kernel's version, where the system tells
	Version string `json:"version"`
}

func thisMachine() benchMachine {
	m := benchMachine{Cores: runtime.NumCPU(), Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH, Version: cli.BuildInfo().Version}
	if proc, err := procfs.NewDefaultFS(); err == nil {
		if cpus, err := proc.CPUInfo(); err == nil && len(cpus) > 0 {
			m.CPU = strings.Join(strings.Fields(cpus[0].ModelName), " ")
		}
	}
	if release, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.System += ", kernel " + strings.TrimSpace(string(release))
	}
	return m
}

// spent is what a process has used of the machine.
type spent struct {
	known bool // only where there is a /proc to read it from
	cpu   time.Duration
	rss   int // bytes
}

// spentBy reads what a process has used. It is unknown on systems other than Linux.
func spentBy(pid int) spent {
	p, err := procfs.NewProc(pid)
	if err != nil {
		return spent{}
	}
	stat, err := p.Stat()
	if err != nil {
		return spent{}
	}
	return spent{true, time.Duration(stat.CPUTime() * float64(time.Second)), stat.ResidentMemory()}
}
