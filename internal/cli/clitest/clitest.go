// Package clitest runs one command for tests, the way cmd/backbone runs it. It is test
// code: no product package imports it.
package clitest

import (
	"context"
	"testing"

	"github.com/alecthomas/kong"

	"backbone/internal/cli"
	"backbone/internal/config"
)

// Command is a command of the program: its flags are the fields of the struct.
type Command interface {
	Run(ctx context.Context, s cli.Streams) error
}

// Run parses the flags into the command, which starts with its zero value, runs it and
// returns the exit code.
func Run(ctx context.Context, t testing.TB, c Command, s cli.Streams, args ...string) int {
	t.Helper()
	parser, err := kong.New(c, kong.Exit(func(int) { t.Error("the command wants to exit") }), config.Env())
	if err != nil {
		t.Fatal(err)
	}
	_, err = parser.Parse(args)
	if err == nil {
		err = c.Run(ctx, s)
	}
	return cli.Finish(s, err)
}
