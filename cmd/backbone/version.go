package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"
)

type versionCmd struct {
	JSON bool `name:"json" help:"Print one JSON object."`
}

// build is what is known of this program's making.
type build struct {
	Version  string `json:"version"`
	Commit   string `json:"commit"`
	Modified bool   `json:"modified"` // built from a tree that differs from the commit
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func (c *versionCmd) Run(s streams) error {
	b := buildInfo()
	if c.JSON {
		line, err := json.Marshal(b)
		if err != nil {
			return err
		}
		return s.write(append(line, '\n'))
	}
	commit := b.Commit
	if b.Modified {
		commit += " and changes"
	}
	return s.write(fmt.Appendf(nil, "backbone %s (commit %s, %s, %s)\n", b.Version, commit, b.Go, b.Platform))
}

func buildInfo() build {
	b := build{Version: "unknown", Commit: "unknown", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
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
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}
