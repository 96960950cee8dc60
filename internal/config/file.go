package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// File is the type of the flag --config: naming a file loads it.
type File string

// BeforeResolve is called by kong once the flags of the command line are known. lines,
// which has to be bound, learns what the file holds.
func (File) BeforeResolve(ctx *kong.Context, trace *kong.Path, lines *Lines) error {
	path, _ := ctx.FlagValue(trace.Flag).(File)
	if path == "" {
		return nil
	}
	text, err := os.ReadFile(string(path))
	if err != nil {
		return fmt.Errorf("--config: %w", err)
	}
	values, err := parseFile(string(path), bytes.NewReader(text))
	if err != nil {
		return err
	}
	lines.file = values
	ctx.AddResolver(values)
	return nil
}

// Env is kong's option by which each flag can be set in the environment. An empty variable counts as
// not set, as compose files write it, unless the flag has the tag empty:"variable".
func Env() kong.Option {
	named, filled := kong.DefaultEnvars(EnvPrefix), kong.WithBeforeReset(func(app *kong.Kong) error {
		for _, flag := range allFlags(app.Model.Node) {
			if flag.Tag.Get("empty") != "variable" {
				flag.Tag.Envs = slices.DeleteFunc(slices.Clone(flag.Tag.Envs), func(name string) bool { return os.Getenv(name) == "" })
			}
		}
		return nil
	})
	return kong.OptionFunc(func(k *kong.Kong) error { return errors.Join(named.Apply(k), filled.Apply(k)) })
}

// fileValues is a parsed file. It is a kong.Resolver.
type fileValues struct {
	path   string
	keys   []*yaml.Node // in the order of the file
	values map[string]*yaml.Node
	used   map[string]bool // keys that gave a flag its value
}

func parseFile(path string, r io.Reader) (*fileValues, error) {
	f := &fileValues{path: path, values: map[string]*yaml.Node{}, used: map[string]bool{}}
	var doc yaml.Node
	text := yaml.NewDecoder(r)
	err := text.Decode(&doc)
	switch {
	case errors.Is(err, io.EOF): // empty, or comments alone
		return f, nil
	case err != nil:
		return nil, Errorf("", "%s: %v", path, err)
	}
	var next yaml.Node // what would be ignored
	switch err := text.Decode(&next); {
	case err == nil && next.Content[0].Tag != "!!null":
		return nil, f.errorAt(&next, "another document begins here, and one is read: put all keys into one")
	case err != nil && !errors.Is(err, io.EOF):
		return nil, Errorf("", "%s: %v", path, err)
	}
	root := doc.Content[0]
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
		return f, nil
	}
	if root.Kind != yaml.MappingNode {
		return nil, f.errorAt(root, `must hold lines like "listen: 127.0.0.1:8080"`)
	}
	for i := 0; i < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		if _, twice := f.values[key.Value]; twice {
			return nil, f.errorAt(key, "key %q is there twice", key.Value)
		}
		f.keys = append(f.keys, key)
		f.values[key.Value] = value
	}
	return f, nil
}

// Validate is called by kong and refuses keys that no flag has.
func (f *fileValues) Validate(app *kong.Application) error {
	for _, key := range f.keys {
		if err := f.checkKey(app, key); err != nil {
			return err
		}
	}
	return nil
}

// checkKey refuses a key that no flag has.
func (f *fileValues) checkKey(app *kong.Application, key *yaml.Node) error {
	var known []string
	for _, flag := range allFlags(app.Node) {
		if flag.Name != "help" && flag.Name != "config" {
			known = append(known, flag.Name)
		}
	}
	if slices.Contains(known, key.Value) {
		return nil
	}
	hint := didYouMean(key.Value, known)
	if hint == "" {
		hint = ": keys are the names of flags, as --help shows them"
	}
	return f.errorAt(key, "unknown key %q%s", key.Value, hint)
}

// Resolve is called by kong for each flag that is not on the command line. It returns a
// value as the text in the file, which kong then parses like the text of a flag.
func (f *fileValues) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	value, ok := f.values[flag.Name]
	if !ok || slices.ContainsFunc(flag.Tag.Envs, isSet) {
		return nil, nil //nolint:nilnil // this tells kong that the value does not come from here
	}
	f.used[flag.Name] = true
	return f.text(flag, value)
}

// text is the value of a flag as kong takes it: a text, or a list of them.
func (f *fileValues) text(flag *kong.Flag, value *yaml.Node) (any, error) {
	switch value.Kind {
	case yaml.ScalarNode:
		if value.Tag == "!!null" {
			return "", nil
		}
		return value.Value, nil
	case yaml.SequenceNode:
		if !flag.IsSlice() {
			return nil, f.errorAt(value, "%s takes one value, not a list", flag.Name)
		}
		list := []any{}
		for _, item := range value.Content {
			if item.Kind != yaml.ScalarNode {
				return nil, f.errorAt(item, "%s takes a list of plain values", flag.Name)
			}
			list = append(list, item.Value)
		}
		return list, nil
	default:
		return nil, f.errorAt(value, "%s takes a plain value", flag.Name)
	}
}

func (f *fileValues) errorAt(n *yaml.Node, format string, args ...any) error {
	return Errorf("", "%s:%d: %s", f.path, n.Line, fmt.Sprintf(format, args...))
}

func isSet(env string) bool {
	_, ok := os.LookupEnv(env)
	return ok
}
