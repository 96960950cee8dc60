// Package man is the command that makes manual pages of the help that the commands have.
package man

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"backbone/internal/cli"
	"backbone/internal/config"
	"backbone/internal/human"
)

// Describe is what the help says of a flag or an argument.
type Describe func(*kong.Value) string

// Cmd is the command and its flags.
type Cmd struct {
	Command []string `arg:"" optional:"" name:"command" help:"Command whose page is printed. Without one, that of the program."`

	Out string `placeholder:"FOLDER" help:"Write the pages of all commands into this folder instead. It is made if it is not there."`
}

// Help is the examples of this command.
func (*Cmd) Help() string {
	return `backbone man subscribe | man -l -
backbone man --out ~/.local/share/man/man1    # for man backbone-subscribe`
}

// Validate is called by kong.
func (c *Cmd) Validate() error {
	if c.Out != "" && len(c.Command) > 0 {
		return config.Errorf("out", "writes the pages of all commands: name none")
	}
	return nil
}

// Run prints a page, or writes all.
func (c *Cmd) Run(s cli.Streams, k *kong.Context, describe Describe) error {
	w := writer{app: k.Model, describe: describe, build: cli.BuildInfo()}
	if c.Out != "" {
		return c.write(s, w)
	}
	n := k.Model.Node
	for _, name := range c.Command {
		i := slices.IndexFunc(n.Children, func(child *kong.Node) bool { return child.Name == name && !child.Hidden })
		if i < 0 {
			return config.Errorf("", "there is no command %q: \"backbone --help\" lists them", strings.Join(c.Command, " "))
		}
		n = n.Children[i]
	}
	return s.Print(w.page(n))
}

func (c *Cmd) write(s cli.Streams, w writer) error {
	if err := os.MkdirAll(c.Out, 0o755); err != nil { //nolint:gosec // pages are for all to read
		return fmt.Errorf("--out: %w", err)
	}
	all := pages(w.app.Node)
	for _, n := range all {
		if err := os.WriteFile(filepath.Join(c.Out, title(n)+".1"), w.page(n), 0o644); err != nil { //nolint:gosec // as above
			return fmt.Errorf("--out: %w", err)
		}
	}
	s.Say("wrote %s into %s", human.Things(len(all), "page"), c.Out)
	return nil
}

// pages are the commands that have a page: n and those below it.
func pages(n *kong.Node) []*kong.Node {
	all := []*kong.Node{n}
	for _, child := range n.Children {
		if !child.Hidden {
			all = append(all, pages(child)...)
		}
	}
	return all
}

// title is the name of a command's page.
func title(n *kong.Node) string {
	if n.Parent == nil {
		return n.Name
	}
	return title(n.Parent) + "-" + n.Name
}
