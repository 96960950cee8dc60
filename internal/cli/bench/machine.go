package bench

import (
	"os"
	"runtime"
	"strings"

	"backbone/internal/cli"
	"backbone/internal/load"
)

func thisMachine() load.Machine {
	m := load.Machine{Cores: runtime.NumCPU(), Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH, Version: cli.BuildInfo().Version}
	m.CPU = processor()
	if release, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.System += ", kernel " + strings.TrimSpace(string(release))
	}
	return m
}
