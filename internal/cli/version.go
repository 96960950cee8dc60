package cli

import (
	"runtime"
	"runtime/debug"
)

// Build says from what this program was built.
type Build struct {
	Version  string `json:"version"`
	Commit   string `json:"commit"`
	Date     string `json:"date"`     // of the commit, as RFC 3339 has it
	Modified bool   `json:"modified"` // built from a tree that differs from the commit
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// BuildInfo reads what the Go tool has written into the program.
func BuildInfo() Build {
	b := Build{Version: "unknown", Commit: "unknown", Date: "unknown", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if info.Main.Version != "" {
		b.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.time":
			b.Date = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}
