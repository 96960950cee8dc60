package config

import "strings"

// Lines knows on which line of the file named by --config a value is. The zero value is for
// a program without a file.
type Lines struct{ file *fileValues }

// Locate puts file and line in front of an error whose text begins with a flag, if the
// flag has its value from there.
func (l *Lines) Locate(err error) error {
	text, flagged := strings.CutPrefix(err.Error(), "--")
	end := strings.IndexAny(text, ": ")
	if l.file == nil || !flagged || end < 0 || !l.file.used[text[:end]] {
		return err
	}
	return l.file.errorAt(l.file.values[text[:end]], "%v", err)
}
