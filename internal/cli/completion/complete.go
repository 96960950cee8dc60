package completion

import (
	"context"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// candidate is a word that can stand at the cursor.
type candidate struct{ word, means string }

// Values is what a command has whose arguments or flags have values that no enum lists. It returns
// those of the flag or the argument with a name, or nil.
type Values interface {
	Values(name string) []string
}

// Rooms is what a command has whose arguments "room" or "prefix" are names of rooms, and whose flags with the place
// holder PREFIX are beginnings of them. ListRooms asks its server for those with a prefix; the flags have their values.
type Rooms interface {
	ListRooms(ctx context.Context, prefix string) ([]string, error)
}

// lister returns the rooms that begin with a text, for a command line up to that text. It is called for
// commands that have Rooms.
type lister func(words []string, begin string) []string

// complete returns the words that can follow the words of a command line and begin with begin. files
// reports that it is the name of a file, which the shell knows.
func complete(app *kong.Application, words []string, begin string, list lister) (found []candidate, files bool) {
	at := position{node: app.Node}
	helping := len(words) > 0 && words[0] == "help"
	if helping {
		words = words[1:]
	}
	for _, word := range words {
		at.pass(word)
	}
	name, value, assigned := strings.Cut(begin, "=")
	switch {
	case at.waiting != nil:
		found, files = at.given(at.waiting, "", begin, words, list)
	case !at.plain && assigned && strings.HasPrefix(name, "--"):
		if f := at.flag(name); f != nil {
			found, files = at.given(f, name+"=", value, words, list)
		}
		begin = name + "=" + value
	case !at.plain && strings.HasPrefix(begin, "-") && !helping:
		found = at.flags()
	default:
		for _, n := range at.node.Children {
			if !n.Hidden {
				found = append(found, candidate{n.Name, sentence(n.Help)})
			}
		}
		if at.node == app.Node && !helping {
			found = append(found, candidate{"help", "Show the help of a command."})
		}
		if args := at.node.Positional; len(args) > 0 && !helping {
			i := min(at.args, len(args)-1)
			switch takes := i == at.args || args[i].IsCumulative(); {
			case takes && at.hasRooms(args[i]):
				for _, room := range list(words, begin) {
					if !slices.Contains(words, room) { // it was not named yet
						found = append(found, candidate{room, ""})
					}
				}
			case takes:
				found, files = at.values(args[i], "")
			}
		}
	}
	return slices.DeleteFunc(found, func(c candidate) bool { return !strings.HasPrefix(c.word, begin) }), files
}

// position is a place in a command line.
type position struct {
	node    *kong.Node // the command
	args    int        // arguments of it so far
	used    []string   // names of flags so far
	waiting *kong.Flag // whose value comes next, or nil
	plain   bool       // behind --, where nothing is a flag
}

// pass moves the position behind a word.
func (p *position) pass(word string) {
	name, _, assigned := strings.Cut(word, "=")
	switch {
	case p.waiting != nil:
		p.waiting = nil
	case !p.plain && word == "--":
		p.plain = true
	case !p.plain && strings.HasPrefix(word, "-"):
		p.used = append(p.used, name)
		if f := p.flag(name); f != nil && !f.IsBool() && !f.IsCounter() && !assigned {
			p.waiting = f
		}
	default:
		for _, n := range p.node.Children {
			if n.Name == word || slices.Contains(n.Aliases, word) {
				p.node, p.args = n, 0
				return
			}
		}
		p.args++
	}
}

// known are the flags of the command, then those that all have.
func (p *position) known() (all []*kong.Flag) {
	for n := p.node; n != nil; n = n.Parent {
		for _, f := range n.Flags {
			if !f.Hidden {
				all = append(all, f)
			}
		}
	}
	return all
}

func (p *position) flag(name string) *kong.Flag {
	for _, f := range p.known() {
		if "--"+f.Name == name {
			return f
		}
	}
	return nil
}

// flags are those that can still be given.
func (p *position) flags() (found []candidate) {
	for _, f := range p.known() {
		if f.IsCumulative() || !slices.Contains(p.used, "--"+f.Name) {
			found = append(found, candidate{"--" + f.Name, sentence(f.Help)})
		}
	}
	if p.node.Parent == nil {
		found = append(found, candidate{"--version", "Print the version."})
	}
	return found
}

// given are the values of a flag that can stand behind a text, and begin with begin.
func (p *position) given(f *kong.Flag, behind, begin string, words []string, list lister) (found []candidate, files bool) {
	if _, asks := p.node.Target.Addr().Interface().(Rooms); !asks || f.PlaceHolder != "PREFIX" {
		return p.values(f.Value, behind)
	}
	for _, prefix := range prefixes(list(words, begin), begin) {
		if !slices.Contains(words, prefix) {
			found = append(found, candidate{behind + prefix, ""})
		}
	}
	return found, false
}

// prefixes are the sorted names that begin with begin, each up to the first separator behind that.
func prefixes(names []string, begin string) (found []string) {
	for _, name := range names {
		rest, fits := strings.CutPrefix(name, begin)
		if i := strings.IndexAny(rest, "_-/.:"); fits && i >= 0 {
			name = name[:len(begin)+i+1]
		}
		if fits && (len(found) == 0 || found[len(found)-1] != name) {
			found = append(found, name)
		}
	}
	return found
}

// hasRooms reports whether an argument of the command is a room of a server.
func (p *position) hasRooms(arg *kong.Value) bool {
	_, ok := p.node.Target.Addr().Interface().(Rooms)
	return ok && (arg.Name == "room" || arg.Name == "prefix")
}

// values are those that a flag or an argument can have, behind a text.
func (p *position) values(v *kong.Value, behind string) (found []candidate, files bool) {
	if v.Flag != nil && v.Flag.PlaceHolder == "FILE" || v.Flag == nil && v.Name == "file" {
		return nil, true
	}
	all := v.EnumSlice()
	if v.Enum == "" {
		all = nil
		if command, ok := p.node.Target.Addr().Interface().(Values); ok {
			all = command.Values(v.Name)
		}
	}
	for _, one := range all {
		found = append(found, candidate{behind + one, ""})
	}
	return found, false
}

// sentence is the first sentence of a help, for a line of its own.
func sentence(help string) string {
	if i := strings.Index(help, ". "); i >= 0 {
		help = help[:i+1]
	}
	return help
}
