package main

import (
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// commands are the names of all commands.
func commands(parser *kong.Kong) string {
	var names []string
	for _, n := range parser.Model.Children {
		if n.Hidden {
			continue
		}
		names = append(names, n.Name)
	}
	return strings.Join(names, ", ")
}

// usual makes of what other programs understand what this one does: "help", alone or with a
// command, and "--version".
func usual(args []string) []string {
	switch {
	case len(args) > 0 && args[0] == "help":
		return append(slices.Clone(args[1:]), "--help")
	case len(args) > 0 && args[0] == "--version":
		return append([]string{"version"}, args[1:]...)
	}
	return args
}

// negativeNumbers joins a number below 0 to the flag in front of it, which the parser
// would take for a flag of its own. Behind an instrument of publish it is the price.
func negativeNumbers(args []string) []string {
	negative, alone := regexp.MustCompile(`^-\.?[0-9]`), regexp.MustCompile(`^--[a-z-]+$`)
	var joined []string
	for i, arg := range args {
		if arg == "--" {
			return append(joined, args[i:]...)
		}
		if last := len(joined) - 1; last >= 0 && negative.MatchString(arg) && alone.MatchString(joined[last]) {
			joined[last] += "=" + arg
			continue
		} else if last > 0 && negative.MatchString(arg) && joined[0] == "publish" {
			arg = "--price=" + arg
		}
		joined = append(joined, arg)
	}
	return joined
}
