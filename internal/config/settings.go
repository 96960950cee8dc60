package config

import (
	"encoding"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"

	"backbone/internal/redisurl"
)

// Setting is a setting with its effective value.
type Setting struct {
	Name   string
	Value  string // as it can stand in the file, without secrets
	Source string // "default", "flag", the name of a variable, or file:line
	Hidden bool   // the value holds a secret, which Value does not show
}

// Settings are those of the command that ctx has parsed, in the order of its flags.
func Settings(ctx *kong.Context, lines *Lines) []Setting {
	given := map[string]bool{}
	for _, p := range ctx.Path {
		if p.Flag != nil && !p.Resolved {
			given[p.Flag.Name] = true
		}
	}
	var all []Setting
	for _, flag := range ctx.Selected().Flags {
		s := Setting{Name: flag.Name, Source: "default"}
		set := slices.IndexFunc(flag.Tag.Envs, isSet)
		switch {
		case given[flag.Name]:
			s.Source = "flag"
		case set >= 0:
			s.Source = flag.Tag.Envs[set]
		case lines.file != nil && lines.file.used[flag.Name]:
			s.Source = fmt.Sprintf("%s:%d", lines.file.path, lines.file.values[flag.Name].Line)
		}
		shown := flag.Target
		if url, is := flag.Target.Interface().(string); is && flag.Name == redisURLFlag && redisurl.HoldsSecret(url) {
			s.Hidden, shown = true, reflect.ValueOf(redisurl.WithoutSecrets(url))
		}
		if urls, is := flag.Target.Interface().([]string); is && flag.Name == upstreamFlag {
			shown = reflect.ValueOf(withoutQueries(urls, &s.Hidden))
		}
		if url, is := flag.Target.Interface().(string); is && flag.Name == jwksFlag {
			shown = reflect.ValueOf(withoutQueries([]string{url}, &s.Hidden)[0])
		}
		s.Value = inYAML(shown)
		all = append(all, s)
	}
	return all
}

// withoutQueries leaves out queries, which may hold tokens of a proxy or an issuer.
func withoutQueries(urls []string, cut *bool) (shown []string) {
	for _, url := range urls {
		plain, _, found := strings.Cut(url, "?")
		if found {
			plain += "?..."
		}
		*cut = *cut || found
		shown = append(shown, plain)
	}
	return shown
}

// inYAML is a value as it stands behind a key of the file.
func inYAML(value reflect.Value) string {
	var node yaml.Node
	switch v := value.Interface().(type) {
	case time.Duration:
		return v.String()
	case encoding.TextMarshaler:
		text, err := v.MarshalText()
		if err == nil {
			node.SetString(string(text))
		}
	default:
		if err := node.Encode(v); err != nil {
			return fmt.Sprint(v)
		}
	}
	node.Style = yaml.FlowStyle
	text, err := yaml.Marshal(&node)
	if err != nil {
		return fmt.Sprint(value)
	}
	return strings.TrimSpace(string(text))
}

const exampleWidth = 100

// WriteExample writes a file that has every setting of "backbone serve" with its default, and says
// what each is for. Those without a default are comments.
func WriteExample(w io.Writer) error {
	parser, err := kong.New(&struct{ Serve }{Default()})
	if err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString("# Settings of \"backbone serve\", with their defaults. Name this file by --config or BACKBONE_CONFIG.\n" +
		"# Flags and the environment override it: max-rooms is --max-rooms and BACKBONE_MAX_ROOMS.\n")
	group := ""
	for _, flag := range parser.Model.Flags {
		if flag.Name == "help" {
			continue
		}
		if flag.Group != nil && flag.Group.Title != group {
			group = flag.Group.Title
			fmt.Fprintf(&b, "\n# ----- %s -----\n", group)
		}
		b.WriteString("\n")
		for _, line := range wrap(flag.Help, exampleWidth-2) {
			b.WriteString("# " + line + "\n")
		}
		switch {
		case flag.Default != "" || flag.IsBool():
			fmt.Fprintf(&b, "%s: %s\n", flag.Name, inYAML(flag.Target))
		case flag.IsSlice():
			fmt.Fprintf(&b, "# %s: [%s]\n", flag.Name, flag.PlaceHolder)
		default:
			fmt.Fprintf(&b, "# %s: %s\n", flag.Name, flag.PlaceHolder)
		}
	}
	_, err = io.WriteString(w, b.String())
	return err
}

// wrap breaks text into lines.
func wrap(text string, width int) (lines []string) {
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
