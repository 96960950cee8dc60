// Package completion is the command that prints a shell's script of completion, and the hidden one
// that the scripts ask what can stand at a place of a command line.
package completion

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"backbone/internal/cli"
)

//go:embed scripts/bash.sh
var bashScript []byte

//go:embed scripts/zsh.sh
var zshScript []byte

//go:embed scripts/fish.fish
var fishScript []byte

// Cmd is the command and its flags.
type Cmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"The shell: bash, zsh or fish."`
}

// Help is the examples of this command.
func (*Cmd) Help() string {
	return `eval "$(backbone completion bash)"      # in ~/.bashrc
eval "$(backbone completion zsh)"       # in ~/.zshrc, behind compinit
backbone completion fish | source       # in ~/.config/fish/config.fish`
}

// Run prints the script.
func (c *Cmd) Run(s cli.Streams) error {
	return s.Print(map[string][]byte{"bash": bashScript, "zsh": zshScript, "fish": fishScript}[c.Shell])
}

// Command is the command of a command line, with the values of its flags.
type Command func(words ...string) (any, error)

// patience bounds the time in which a server tells its rooms: somebody has pressed a key.
const patience = 800 * time.Millisecond

// Words is the command that the scripts run. Its first argument is the shell. bash adds
// COMP_WORDBREAKS and the line up to the cursor, the others the words up to the cursor.
type Words struct {
	Args []string `arg:"" optional:"" passthrough:"" help:"What the shell knows."`
}

// Help is the examples of this command.
func (*Words) Help() string { return "backbone __complete fish subscribe --st" }

// rooms is a lister. It is silent where a server cannot be asked.
func rooms(ctx context.Context, of Command) lister {
	return func(words []string, begin string) []string {
		found, err := of(append(slices.Clone(words), "x")...) // in place of the room
		if err != nil {
			return nil
		}
		command, ok := found.(Rooms)
		if !ok {
			return nil
		}
		ctx, stop := context.WithTimeout(ctx, patience)
		defer stop()
		names, _ := command.ListRooms(ctx, begin)
		return names
	}
}

// Run prints what can stand there: "files" if it is the name of a file, or else "words" and a line
// for each word. bash gets the words as they are to be inserted, the others behind a tab what the
// word means.
func (w *Words) Run(ctx context.Context, s cli.Streams, k *kong.Context, of Command) error {
	if len(w.Args) < 2 || w.Args[0] == "bash" && len(w.Args) != 3 {
		return errors.New("this command is for the scripts of \"backbone completion\"")
	}
	words := w.Args[1:]
	var typed line
	if w.Args[0] == "bash" {
		typed = split(w.Args[2], w.Args[1])
		words = typed.words[1:]
	}
	if len(words) == 0 {
		return nil
	}
	last := len(words) - 1
	found, files := complete(k.Model, words[:last], words[last], rooms(ctx, of))
	if files {
		return s.Print([]byte("files\n"))
	}
	var b strings.Builder
	b.WriteString("words\n")
	for _, one := range found {
		if w.Args[0] == "bash" {
			fmt.Fprintln(&b, typed.insert(one.word))
		} else {
			fmt.Fprintf(&b, "%s\t%s\n", one.word, one.means)
		}
	}
	return s.Print([]byte(b.String()))
}
