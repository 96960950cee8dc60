// Package version is the command that prints what this program was built from.
package version

import (
	"encoding/json"
	"fmt"

	"backbone/internal/cli"
)

// Cmd is the command and its flags.
type Cmd struct {
	JSON bool `name:"json" help:"Print one JSON object."`
}

// Help is the examples of this command.
func (*Cmd) Help() string {
	return `backbone version
backbone version --json`
}

// Run prints the version.
func (c *Cmd) Run(s cli.Streams) error {
	b := cli.BuildInfo()
	if c.JSON {
		line, err := json.Marshal(b)
		if err != nil {
			return err
		}
		return s.Print(append(line, '\n'))
	}
	commit := b.Commit
	if b.Modified {
		commit += " and changes"
	}
	return s.Print(fmt.Appendf(nil, "backbone %s (commit %s, %s, %s, %s)\n", b.Version, commit, b.Date, b.Go, b.Platform))
}
