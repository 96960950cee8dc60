package main

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

// help prints the help of a command: examples, which its method Help returns, then what kong prints.
// The flags that all commands have are explained once, in the help of the program.
func help(options kong.HelpOptions, ctx *kong.Context) error {
	n := ctx.Selected()
	if n == nil {
		n = ctx.Model.Node
	}
	if by := n.DefaultCmd; by != nil { // which has the flags; its name is never typed
		by.Name, n = "", by
		ctx.Path = append(ctx.Path, &kong.Path{Parent: by.Parent, Command: by})
	}
	_, err := fmt.Fprintf(ctx.Stdout, "Examples:\n  %s\n\n", strings.ReplaceAll(strings.TrimSpace(n.Detail), "\n", "\n  "))
	if err != nil {
		return err
	}
	n.Detail = "" // kong would print it as prose
	if n != ctx.Model.Node {
		for _, f := range ctx.Model.Flags {
			f.Hidden = true
		}
	}
	if err := kong.DefaultHelpPrinter(options, ctx); err != nil || n == ctx.Model.Node {
		return err
	}
	_, err = fmt.Fprintf(ctx.Stdout, "\nFlags that all commands have: --config=FILE, -h (see backbone --help)\n")
	return err
}

// describe is what the help says of a flag or an argument: all values that it can have are in it.
func describe(v *kong.Value) string {
	for _, one := range v.EnumSlice() {
		if v.Enum != "" && !strings.Contains(v.Help, one) {
			return v.Help + " One of: " + strings.Join(v.EnumSlice(), ", ") + "."
		}
	}
	return v.Help // the description explains the environment variables
}
