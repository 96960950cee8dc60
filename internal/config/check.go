package config

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"

	"github.com/alecthomas/kong"
)

// CheckFile reads a file as --config does and returns what is wrong with it by itself: each key that
// no command has, and each value that is none of its flag. The mistakes are in the order of the file.
// The error is that of reading it.
func CheckFile(app *kong.Application, path string) (mistakes []error, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	f, err := parseFile(path, bytes.NewReader(text))
	if err != nil {
		return []error{err}, nil //nolint:nilerr // a mistake in the file
	}
	flags := map[string][]*kong.Flag{} // of all commands, by name
	for _, flag := range allFlags(app.Node) {
		flags[flag.Name] = append(flags[flag.Name], flag)
	}
	for _, key := range f.keys {
		if err := f.checkKey(app, key); err != nil {
			mistakes = append(mistakes, err)
			continue
		}
		for _, flag := range flags[key.Value] {
			if err := f.checkValue(flag); err != nil {
				mistakes = append(mistakes, err)
				break
			}
		}
	}
	return mistakes, nil
}

// checkValue reports whether the value of a key can be that of a flag.
func (f *fileValues) checkValue(flag *kong.Flag) error {
	value := f.values[flag.Name]
	found, err := f.text(flag, value)
	if err != nil {
		return err
	}
	target := reflect.New(flag.Target.Type()).Elem()
	if err := flag.Parse(kong.ScanFromTokens(kong.Token{Type: kong.FlagValueToken, Value: found}), target); err != nil {
		return f.errorAt(value, "%s", mended(err))
	}
	if flag.Tag.Has("min") {
		if err := checkMinimum(flag.Name, target, flag.Tag.Get("min"), flag.Tag.Has("orzero")); err != nil {
			return f.errorAt(value, "%v", err)
		}
	}
	if flag.Enum == "" {
		return nil
	}
	for _, allowed := range flag.EnumSlice() {
		if fmt.Sprint(target) == allowed {
			return nil
		}
	}
	return f.errorAt(value, "--%s must be one of %s, not %q", flag.Name, strings.ReplaceAll(flag.Enum, ",", ", "), fmt.Sprint(target))
}

// mended is the text of an error without line ends and without the placeholder of the flag.
func mended(err error) string {
	text := strings.ReplaceAll(err.Error(), "\n", "; ")
	flag, rest, found := strings.Cut(text, ": ")
	if name, _, has := strings.Cut(flag, "="); found && has && strings.HasPrefix(name, "--") {
		return name + ": " + rest
	}
	return text
}

// Of is the *Error within err, without what others have put around it; err, if there is none.
func Of(err error) error {
	if wrong, ok := errors.AsType[*Error](err); ok {
		return wrong
	}
	return err
}
