package auth

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"strings"
	"unicode"
)

// shortKey is the length under which a key draws a warning. 16 random hex digits are 64
// bits, too many to guess over a network.
const shortKey = 16

// maxLine bounds a line of a keys file, bytes.
const maxLine = 1 << 20

// Keys are the credentials of one role. They are immutable.
type Keys struct {
	grants []*Grant                     // one of each key, as they stand in the file
	byHash map[[sha256.Size]byte]*Grant // the same
}

// SyntaxError is a line of a file that cannot be understood. It never shows a key.
type SyntaxError struct {
	File    string
	Line    int // from 1; 0 is the file as a whole
	Problem string
}

func (e *SyntaxError) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Problem
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Problem)
}

// ReadableByOthers is a warning for an operator if other users can read a file that holds secrets,
// "" if they cannot.
func ReadableByOthers(path string, mode fs.FileMode) string {
	const others = 0o044 // read by group, read by world
	if mode.Perm()&others == 0 || !mode.IsRegular() || runtime.GOOS == "windows" {
		return ""
	}
	return fmt.Sprintf("%s: other users can read the keys (mode %04o): chmod 600 %[1]s", path, mode.Perm())
}

// ParseKeys reads lines "name:key", blank lines and comments that begin with #. A name is
// everything before the first colon, and may have several keys. Names and keys hold no blanks, and
// no key occurs twice. A JSON array of patterns can follow a key, after a blank: the rooms that the
// key is for. Without it a key is for all. Each warning is a line for an operator about something
// that is allowed but unwise. Errors, which are of type *SyntaxError, and warnings name the source
// as file. A file that has text, if only a comment, can hold no key: who takes it then lets nobody in.
func ParseKeys(file string, text []byte) (*Keys, []string, error) {
	var (
		keys     = &Keys{byHash: map[[sha256.Size]byte]*Grant{}}
		warnings []string
		line     int
		wrong    = func(format string, args ...any) error {
			return &SyntaxError{file, line, fmt.Sprintf(format, args...)}
		}
	)
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		line++
		text := strings.TrimSpace(strings.TrimPrefix(lines.Text(), "\ufeff"))
		if text == "" || text[0] == '#' {
			continue
		}
		name, rest, found := strings.Cut(text, ":")
		key, patterns := cutPatterns(rest)
		switch {
		case !found:
			return nil, nil, wrong("expected name:key, found no colon")
		case name == "":
			return nil, nil, wrong("expected name:key, found no name before the colon")
		case rest == "" || patterns != "" && key == "":
			return nil, nil, wrong("expected name:key, found no key after the colon")
		case strings.ContainsFunc(name, blank):
			return nil, nil, wrong("expected name:key, found a blank in the name")
		case strings.ContainsFunc(key, blank):
			return nil, nil, wrong("expected name:key, found a blank in the key: only patterns can follow it, as a JSON array")
		}
		grant := &Grant{Name: name, line: line, source: sha256.Sum256([]byte(key))}
		if patterns != "" {
			var err error
			if grant.rooms, err = parsePatterns([]byte(patterns)); err != nil {
				return nil, nil, wrong("the patterns of %q: %v", name, err)
			}
		}
		if first, twice := keys.byHash[grant.source]; twice {
			return nil, nil, wrong("the same key is already on line %d", first.line)
		}
		keys.grants = append(keys.grants, grant)
		keys.byHash[grant.source] = grant
		if len(key) < shortKey {
			warnings = append(warnings, fmt.Sprintf("%s:%d: the key of %q has fewer than %d characters and may be guessed", file, line, name, shortKey))
		}
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		line++
		return nil, nil, wrong("the line is longer than %d bytes", maxLine)
	} else if err != nil {
		return nil, nil, err
	}
	if line = 0; len(bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\ufeff")))) == 0 {
		return nil, nil, wrong("is empty: add a line name:key, or a comment if there is to be no key any more")
	}
	return keys, warnings, nil
}

// cutPatterns divides what follows the colon of a line: a key, and an array if one follows it.
func cutPatterns(rest string) (key, patterns string) {
	if i := strings.IndexFunc(rest, unicode.IsSpace); i >= 0 {
		if after := strings.TrimLeftFunc(rest[i:], unicode.IsSpace); after[0] == '[' {
			return rest[:i], after
		}
	}
	return rest, ""
}

// blank reports whether a key cannot hold r: white space, and control characters, which a
// header cannot carry.
func blank(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }

// Len is the number of keys.
func (k *Keys) Len() int { return len(k.grants) }

// lookup returns what a key grants, nil for an unknown one. Its duration reveals nothing about the
// keys, because it compares the hash with all hashes, each in constant time.
func (k *Keys) lookup(key string) *Grant {
	hash := sha256.Sum256([]byte(key))
	found := -1
	for i, grant := range k.grants {
		same := subtle.ConstantTimeCompare(hash[:], grant.source[:])
		found = subtle.ConstantTimeSelect(same, i, found)
	}
	if found < 0 {
		return nil
	}
	return k.grants[found]
}

// Difference is what is in other keys and not in these, and the other way round, in words for a log:
// the names of keys that were added, removed, and given other patterns. It is "" if nothing has
// changed.
func (k *Keys) Difference(before *Keys) string {
	var added, removed, changed []string
	for _, g := range k.grants {
		if old, known := before.byHash[g.source]; !known {
			added = append(added, g.Name)
		} else if !old.same(g) {
			changed = append(changed, g.Name)
		}
	}
	for _, g := range before.grants {
		if _, known := k.byHash[g.source]; !known {
			removed = append(removed, g.Name)
		}
	}
	var words []string
	for _, list := range []struct {
		what  string
		names []string
	}{{"added", added}, {"removed", removed}, {"other rights for", changed}} {
		if len(list.names) > 0 {
			words = append(words, list.what+" "+few(list.names))
		}
	}
	return strings.Join(words, "; ")
}

// few names the first of many.
func few(names []string) string {
	const shown = 10
	slices.Sort(names)
	if len(names) <= shown {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:shown], ", "), len(names)-shown)
}
