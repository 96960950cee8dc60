// Package auth decides who may connect: it has the keys of ingestors, and the web origins
// that may connect. Keys and Origins are immutable and safe for concurrent use by multiple
// goroutines.
package auth

import (
	"bufio"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"unicode"

	"backbone/protocol"
)

// shortKey is the length under which a key draws a warning. 16 random hex digits are 64
// bits, too many to guess over a network.
const shortKey = 16

// Identity is the name and role of a connection.
type Identity struct {
	Name string // of the key; empty where no credentials are asked for
	Role protocol.Role
}

// Keys are the credentials of ingestors.
type Keys struct{ entries []entry }

type entry struct {
	name string
	hash [sha256.Size]byte
}

// SyntaxError is a line of a keys file that cannot be understood. It never shows the key.
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

// ReadKeys reads the keys file at path. Each warning is a line for an operator about
// something that is allowed but unwise. The error is that of reading the file, or a
// *SyntaxError.
func ReadKeys(path string) (*Keys, []string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	keys, warnings, err := ParseKeys(path, f)
	if err != nil {
		return nil, nil, err
	}
	const others = 0o044 // read by group, read by world
	if mode := info.Mode().Perm(); mode&others != 0 && runtime.GOOS != "windows" {
		warnings = append(warnings, fmt.Sprintf("%s: other users can read the keys (mode %04o): chmod 600 %[1]s", path, mode))
	}
	return keys, warnings, nil
}

// ParseKeys reads lines "name:key", blank lines and comments that begin with #. A name is
// everything before the first colon. Names and keys hold no blanks, and none occurs twice.
// Errors and warnings name the source as file.
func ParseKeys(file string, r io.Reader) (*Keys, []string, error) {
	var (
		keys     Keys
		warnings []string
		line     int
		names    = map[string]int{} // to their lines
		hashes   = map[[sha256.Size]byte]int{}
		wrong    = func(format string, args ...any) error {
			return &SyntaxError{file, line, fmt.Sprintf(format, args...)}
		}
	)
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line++
		text := strings.TrimSpace(strings.TrimPrefix(lines.Text(), "\ufeff"))
		if text == "" || text[0] == '#' {
			continue
		}
		name, key, found := strings.Cut(text, ":")
		switch {
		case !found:
			return nil, nil, wrong("expected name:key, found no colon")
		case name == "":
			return nil, nil, wrong("expected name:key, found no name before the colon")
		case key == "":
			return nil, nil, wrong("expected name:key, found no key after the colon")
		case strings.ContainsFunc(name, blank):
			return nil, nil, wrong("expected name:key, found a blank in the name")
		case strings.ContainsFunc(key, blank):
			return nil, nil, wrong("expected name:key, found a blank in the key")
		}
		hash := sha256.Sum256([]byte(key))
		if first, twice := names[name]; twice {
			return nil, nil, wrong("the name %q is already on line %d", name, first)
		}
		if first, twice := hashes[hash]; twice {
			return nil, nil, wrong("the same key is already on line %d", first)
		}
		names[name], hashes[hash] = line, line
		keys.entries = append(keys.entries, entry{name, hash})
		if len(key) < shortKey {
			warnings = append(warnings, fmt.Sprintf("%s:%d: the key of %q has fewer than %d characters and may be guessed", file, line, name, shortKey))
		}
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		line++
		return nil, nil, wrong("the line is longer than %d bytes", bufio.MaxScanTokenSize)
	} else if err != nil {
		return nil, nil, err
	}
	if line = 0; len(keys.entries) == 0 {
		return nil, nil, wrong("holds no key, so nobody could publish: add a line name:key")
	}
	return &keys, warnings, nil
}

// blank reports whether a key cannot hold r: white space, and control characters, which a
// header cannot carry.
func blank(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }

// Len is the number of keys.
func (k *Keys) Len() int { return len(k.entries) }

// Lookup returns the name of a key. Its duration reveals nothing about the keys, because it
// compares the hash with all hashes, each in constant time.
func (k *Keys) Lookup(key string) (name string, ok bool) {
	hash := sha256.Sum256([]byte(key))
	found := -1
	for i := range k.entries {
		same := subtle.ConstantTimeCompare(hash[:], k.entries[i].hash[:])
		found = subtle.ConstantTimeSelect(same, i, found)
	}
	if found < 0 {
		return "", false
	}
	return k.entries[found].name, true
}
