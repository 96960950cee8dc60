package bench

import (
	"strings"

	"github.com/prometheus/procfs"
)

// processor is the name of the first processor, empty if it is not known.
func processor() string {
	proc, err := procfs.NewDefaultFS()
	if err != nil {
		return ""
	}
	cpus, err := proc.CPUInfo()
	if err != nil || len(cpus) == 0 {
		return ""
	}
	return strings.Join(strings.Fields(cpus[0].ModelName), " ")
}
