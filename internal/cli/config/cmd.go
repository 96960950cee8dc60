// Package config is the command that checks, shows and writes configurations.
package config

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"

	"backbone/internal/cli"
	settings "backbone/internal/config"
)

// Cmd is the command.
type Cmd struct {
	Check   Check   `cmd:"" help:"Say what is wrong with a file, each mistake with its line. Exit code 2 if there is one."`
	Show    Show    `cmd:"" help:"Print what serve would run with, and where each value comes from."`
	Example Example `cmd:"" help:"Print a file with all settings of serve, their defaults, and what each is for."`
}

// Help is the examples of this command.
func (*Cmd) Help() string {
	return `backbone config example > backbone.yaml
backbone config check backbone.yaml
backbone serve --config backbone.yaml`
}

// Parse parses a command line of this program. Its errors are one line each, with the line of the
// file if the value is from there.
type Parse func(args ...string) error

// Check is the command that checks a file.
type Check struct {
	File string `arg:"" help:"The file, as --config takes it."`
}

// Help is the examples of this command.
func (*Check) Help() string {
	return `backbone config check backbone.yaml`
}

// Run checks the file alone, and then as serve would run with it: with the environment of now.
func (c *Check) Run(s cli.Streams, ctx *kong.Context, parse Parse) error {
	mistakes, err := settings.CheckFile(ctx.Model, c.File)
	if err != nil {
		return err
	}
	if mistakes == nil {
		if err := parse("config", "show", "--config", c.File); err != nil {
			mistakes = append(mistakes, err)
		}
	}
	if mistakes == nil {
		return s.Print([]byte(c.File + ": no mistake found\n"))
	}
	for _, mistake := range mistakes {
		s.Say("%v", mistake)
	}
	return &cli.ExitError{Code: cli.ExitUsage}
}

// Show is the command that prints settings. It takes the flags of serve.
type Show struct {
	settings.Serve
}

// Help is the examples of this command.
func (*Show) Help() string {
	return `backbone config show
backbone config show --config backbone.yaml --max-rooms 500`
}

// Run prints the settings as a file.
func (*Show) Run(s cli.Streams, ctx *kong.Context, lines *settings.Lines) error {
	all := settings.Settings(ctx, lines)
	width := 0
	for _, one := range all {
		width = max(width, len(one.Name)+len(one.Value))
	}
	var b strings.Builder
	for _, one := range all {
		source := one.Source
		if one.Hidden {
			source += ", with parts that are not shown"
		}
		fmt.Fprintf(&b, "%s: %s%*s # %s\n", one.Name, one.Value, min(width, 60)-len(one.Name)-len(one.Value), "", source)
	}
	return s.Print([]byte(b.String()))
}

// Example is the command that prints a file to begin with.
type Example struct{}

// Help is the examples of this command.
func (*Example) Help() string {
	return `backbone config example > backbone.yaml`
}

// Run prints the file.
func (*Example) Run(s cli.Streams) error {
	return settings.WriteExample(cli.WriterFunc(s.Print))
}
