package main

import (
	"errors"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"backbone/internal/cli"
	"backbone/internal/config"
)

// allCommands are the paths of the program and of all its commands, without the hidden ones.
func allCommands(t *testing.T) (all [][]string) {
	t.Helper()
	var walk func(n *kong.Node, path []string)
	walk = func(n *kong.Node, path []string) {
		all = append(all, path)
		for _, child := range n.Children {
			if !child.Hidden {
				walk(child, append(slices.Clone(path), child.Name))
			}
		}
	}
	walk(newParser(nil).Model.Node, nil)
	return all
}

// Each command's help begins with examples that are right, tells of each flag and of all values of
// it, and fits a terminal of 80 columns.
func TestHelpIsWorthReading(t *testing.T) {
	t.Setenv("COLUMNS", "80")
	parser := newParser(new(config.Lines))
	for _, path := range allCommands(t) {
		name := strings.Join(append([]string{"backbone"}, path...), " ")
		var out, said strings.Builder
		streams := cli.Streams{Out: &out, Err: &said}
		if code := run(t.Context(), append(slices.Clone(path), "--help"), cli.NewOperator(), streams); code != cli.ExitDone || said.Len() > 0 {
			t.Errorf("%s --help: exit code %d, %s", name, code, &said)
		}
		lines := strings.Split(out.String(), "\n")
		if lines[0] != "Examples:" {
			t.Errorf("%s: the help begins with %q: its type needs a method Help that returns examples", name, lines[0])
			continue
		}
		shown := 0
		for _, line := range lines[1:slices.Index(lines, "")] {
			if strings.Contains(line, name) {
				shown++
			}
			if err := parseExample(parser, line); err != nil {
				t.Errorf("%s: the example %q: %v", name, line, err)
			}
		}
		if shown == 0 {
			t.Errorf("%s: no example shows it", name)
		}
		for _, line := range lines {
			if n := len([]rune(line)); n > 80 {
				t.Errorf("%s: %d columns: %s", name, n, line)
			}
		}
	}
}

// parseExample parses a line of a shell as the program would.
func parseExample(parser *kong.Kong, line string) error {
	line, _, _ = strings.Cut(line, " #")
	line, _, _ = strings.Cut(line, " > ")
	for _, command := range strings.Split(line, " | ") {
		args := strings.Fields(strings.ReplaceAll(command, "'", ""))
		if args[0] != "backbone" {
			continue
		}
		args = usual(args[1:])
		if args[len(args)-1] == "--help" { // which would print it
			args = args[:len(args)-1]
			if _, err := kong.Trace(parser, args); err != nil {
				return err
			}
			continue
		}
		if _, err := parser.Parse(args); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// Each flag and each argument has a help, and the help of one with a choice has all of the choice.
func TestEachFlagHasHelp(t *testing.T) {
	sentence := regexp.MustCompile(`(?s)^[A-Z0-9].*[.)]$`)
	err := kong.Visit(newParser(nil).Model, func(v kong.Visitable, next kong.Next) error {
		var one *kong.Value
		switch v := v.(type) {
		case *kong.Flag:
			one = v.Value
		case *kong.Value:
			one = v
		case *kong.Node:
			if !sentence.MatchString(v.Help) {
				t.Errorf("command %s: the help must be sentences, not %q", v.Path(), v.Help)
			}
			return next(nil)
		}
		if one != nil && !sentence.MatchString(describe(one)) {
			t.Errorf("%s: the help must be sentences, not %q", one.Summary(), one.Help)
		}
		return next(nil)
	})
	if err != nil {
		t.Error(err)
	}
}
