package config

import (
	"fmt"
	"reflect"

	"github.com/alecthomas/kong"
)

// RefuseEmpty is kong's option by which a flag or an argument with an empty value is an error. A
// script writes one if its variable is empty. Taken as left out, it could open a server to everyone,
// or have other prices published than were meant. Where an empty value means something, the tag
// "empty" says so.
func RefuseEmpty() kong.Option {
	return kong.WithBeforeApply(func(ctx *kong.Context) error { // before Validate of a command fills in what was left out
		for _, p := range ctx.Path {
			switch {
			case p.Flag != nil && !p.Resolved && isEmpty(p.Flag.Value, ctx.Value(p)):
				return Errorf(p.Flag.Name, "must not be empty: give it a value, or leave it out")
			case p.Positional != nil && isEmpty(p.Positional, ctx.Value(p)):
				return fmt.Errorf("<%s> must not be empty: give it a value, or leave it out", p.Positional.Name)
			}
		}
		return nil
	})
}

func isEmpty(v *kong.Value, given reflect.Value) bool {
	return (given.Kind() == reflect.String || given.Kind() == reflect.Slice) && given.Len() == 0 && !v.Tag.Has("empty")
}
