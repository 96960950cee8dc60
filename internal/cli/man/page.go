package man

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/alecthomas/kong"

	"backbone/internal/cli"
)

// writer writes pages in the language of man(7), which every man reads.
type writer struct {
	app      *kong.Application
	describe Describe
	build    cli.Build
}

// page is that of a command.
func (w *writer) page(n *kong.Node) []byte {
	p := &page{}
	date, _, _ := strings.Cut(w.build.Date, "T")
	if date == "unknown" {
		date = ""
	}
	p.line(`.TH %s 1 "%s" "backbone %s" "backbone"`, strings.ToUpper(title(n)), date, w.build.Version)
	paragraphs := strings.Split(strings.TrimSpace(n.Help), "\n\n")
	p.section("NAME")
	p.line(`%s \- %s`, escaped(title(n)), escaped(strings.TrimSuffix(sentence(paragraphs[0]), ".")))
	p.section("SYNOPSIS")
	p.synopsis(n)
	p.section("DESCRIPTION")
	for i, text := range paragraphs {
		if i > 0 {
			p.line(".PP")
		}
		p.prose(text)
	}
	acts := n
	if n.DefaultCmd != nil {
		acts = n.DefaultCmd
	}
	p.section("EXAMPLES")
	p.line(".EX")
	for _, line := range strings.Split(strings.TrimSpace(acts.Detail), "\n") {
		p.prose(line)
	}
	p.line(".EE")
	if len(acts.Positional) > 0 {
		p.section("ARGUMENTS")
		for _, arg := range acts.Positional {
			p.entry(`\fI`+escaped(arg.Name)+`\fR`, w.describe(arg))
		}
	}
	w.options(p, n, acts)
	w.commands(p, n)
	p.section("SEE ALSO")
	p.line("%s", strings.Join(references(n), ",\n"))
	return p.text.Bytes()
}

// options are the flags of a command, in the groups of its help.
func (w *writer) options(p *page, n, acts *kong.Node) {
	var groups []string
	flags := map[string][]*kong.Flag{}
	for at := acts; at != nil; at = at.Parent {
		if at.Parent == nil && at != n { // its page has them
			break
		}
		for _, f := range at.Flags {
			group := ""
			if f.Group != nil {
				group = f.Group.Title
			}
			if f.Hidden {
				continue
			}
			if flags[group] == nil {
				groups = append(groups, group)
			}
			flags[group] = append(flags[group], f)
		}
	}
	p.section("OPTIONS")
	for _, group := range groups {
		if group != "" {
			p.line(".SS %s", escaped(group))
		}
		for _, f := range flags[group] {
			p.entry(usage(f), w.describe(f.Value))
		}
	}
	if n.Parent != nil {
		if len(groups) > 0 {
			p.line(".PP")
		}
		p.prose("Flags that all commands have, how flags are set in the environment and in a file, and the exit codes, are told in backbone(1).")
	}
}

// usage is how a flag is given.
func usage(f *kong.Flag) string {
	negatable := ""
	if f.Tag.Negatable != "" {
		negatable = "[no-]"
	}
	name := `\fB` + escaped("--"+negatable+f.Name) + `\fR`
	if f.Short != 0 {
		name = `\fB\-` + string(f.Short) + `\fR, ` + name
	}
	if !f.IsBool() && !f.IsCounter() {
		name += `=\fI` + escaped(f.FormatPlaceHolder()) + `\fR`
	}
	return name
}

// commands are those below a command.
func (w *writer) commands(p *page, n *kong.Node) {
	begun := false
	for _, child := range n.Children {
		if child.Hidden {
			continue
		}
		if !begun {
			p.section("COMMANDS")
			begun = true
		}
		p.entry(`\fB`+escaped(child.Name)+`\fR`, child.Help)
	}
}

// references are the pages to read further: the command above, those beside it and those below.
func references(n *kong.Node) (all []string) {
	refer := func(to *kong.Node) {
		if to != n && !to.Hidden {
			all = append(all, `\fB`+escaped(title(to))+`\fR(1)`)
		}
	}
	if n.Parent != nil {
		refer(n.Parent)
		if n.Parent.Parent != nil {
			for _, beside := range n.Parent.Children {
				refer(beside)
			}
		}
	}
	for _, child := range n.Children {
		refer(child)
	}
	return all
}

// page is the text of a page that is written.
type page struct{ text bytes.Buffer }

func (p *page) line(format string, args ...any) { fmt.Fprintf(&p.text, format+"\n", args...) }

func (p *page) section(name string) { p.line(".SH %s", name) }

// prose is a paragraph, whatever its lines begin with.
func (p *page) prose(text string) {
	for _, line := range strings.Split(text, "\n") {
		line = escaped(line)
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			line = `\&` + line
		}
		p.line("%s", line)
	}
}

// entry is a flag, an argument or a command, and what is said of it.
func (p *page) entry(name, about string) {
	p.line(".TP\n%s", name)
	p.prose(about)
}

// synopsis is how a command is called: by itself, and as the beginning of others.
func (p *page) synopsis(n *kong.Node) {
	path := `\fB` + escaped(n.FullPath()) + `\fR`
	acts := n
	if n.DefaultCmd != nil {
		acts = n.DefaultCmd
	}
	call := path
	for _, arg := range acts.Positional {
		call += " " + escaped(arg.Summary())
	}
	if n.Leaf() || n.DefaultCmd != nil {
		p.line("%s [flags]", call)
		if n.Leaf() {
			return
		}
		p.line(".br")
	}
	p.line(`%s \fIcommand\fR [flags]`, path)
}

// escaped is text in which nothing has a meaning for man.
func escaped(text string) string {
	return strings.NewReplacer(`\`, `\e`, `-`, `\-`).Replace(text)
}

// sentence is the first of a text.
func sentence(text string) string {
	first, _, _ := strings.Cut(strings.ReplaceAll(text, "\n", " "), ". ")
	return first
}
