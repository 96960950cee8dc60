package bench

import (
	"os"
	"runtime"
	"strings"

	"github.com/prometheus/procfs"

	"backbone/internal/cli"
	"backbone/internal/load"
)

func thisMachine() load.Machine {
	m := load.Machine{Cores: runtime.NumCPU(), Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH, Version: cli.BuildInfo().Version}
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
