package redisurl

import (
	"fmt"
	"strings"
)

const maxPrefix = 128

// CheckPrefix checks what all keys and channels of a backbone begin with. Braces are
// excluded because they enclose the hash tag.
func CheckPrefix(prefix string) error {
	strange := func(r rune) bool { return r <= ' ' || r > '~' || r == '{' || r == '}' }
	if prefix == "" || len(prefix) > maxPrefix || strings.ContainsFunc(prefix, strange) {
		return fmt.Errorf("must be 1 to %d printable ASCII characters without braces and blanks, not %q", maxPrefix, prefix)
	}
	return nil
}
