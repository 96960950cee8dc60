// Package config turns flags, environment and a file into one validated struct.
//
// The first of these sources that has a value wins: a flag on the command line, the
// environment (BACKBONE_ and the flag's name in capitals, "-" as "_"), the file named by
// --config, the default. The file is YAML, of which JSON is a subset. Its keys are the
// names of flags of any subcommand. A key that no subcommand has is an error.
//
// Secrets come from files or from the environment, never from a flag, because every
// user of a machine can read the arguments of a process.
package config

import "fmt"

// EnvPrefix begins the name of each environment variable that sets a flag.
const EnvPrefix = "BACKBONE"

// Error is a wrong value of a flag, wherever the value came from. Its text is one
// line that names the flag and says what was expected.
type Error struct {
	Flag    string // without dashes; empty for a mistake in the file that belongs to no flag
	Problem string
}

func (e *Error) Error() string {
	if e.Flag == "" {
		return e.Problem
	}
	return "--" + e.Flag + " " + e.Problem
}

// Errorf returns an *Error about flag. The text continues after the flag's name: "must
// be at least 1, not 0".
func Errorf(flag, format string, args ...any) error {
	return &Error{Flag: flag, Problem: fmt.Sprintf(format, args...)}
}
