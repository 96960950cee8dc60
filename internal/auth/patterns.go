package auth

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"backbone/protocol"
)

// Patterns are the rooms that someone may use. nil is every room, and the zero value none. They
// are immutable.
type Patterns struct {
	all      bool
	names    map[string]struct{} // nil: none
	prefixes []string            // sorted, none of which begins with another
}

// maxPatterns bounds what one line or one token names.
const maxPatterns = 10_000

// NewPatterns compiles patterns. Each is the name of a room. A * at its end stands for any rest,
// also an empty one, and \* for itself. The error says which pattern is wrong, and how.
func NewPatterns(list []string) (*Patterns, error) {
	if len(list) > maxPatterns {
		return nil, fmt.Errorf("%d patterns, expected at most %d", len(list), maxPatterns)
	}
	p := &Patterns{}
	for _, pattern := range list {
		name, open, err := unescape(pattern)
		whole := name
		if open {
			whole += "x" // which any rest can be
		}
		if fault := protocol.RoomFault(whole); err == nil && fault != "" {
			err = errors.New(fault)
		}
		switch {
		case err != nil:
			return nil, fmt.Errorf("the pattern %.80q: %w", pattern, err)
		case name == "" && open:
			p.all = true
		case open:
			p.prefixes = append(p.prefixes, name)
		default:
			if p.names == nil {
				p.names = map[string]struct{}{}
			}
			p.names[name] = struct{}{}
		}
	}
	slices.Sort(p.prefixes)
	p.prefixes = withoutLonger(p.prefixes)
	return p, nil
}

// withoutLonger leaves out of sorted prefixes those that begin with another.
func withoutLonger(prefixes []string) []string {
	kept := prefixes[:0]
	for _, prefix := range prefixes {
		if len(kept) == 0 || !strings.HasPrefix(prefix, kept[len(kept)-1]) {
			kept = append(kept, prefix)
		}
	}
	return kept
}

// unescape returns the name in a pattern, and whether a rest may follow it.
func unescape(pattern string) (name string, open bool, err error) {
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case c == '\\' && i+1 < len(pattern) && pattern[i+1] == '*':
			i++
			b.WriteByte('*')
		case c == '\\':
			return "", false, errors.New(`a \ stands only before a *`)
		case c == '*' && i < len(pattern)-1:
			return "", false, errors.New(`a * that is not at the end is written \*`)
		case c == '*':
			open = true
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), open, nil
}

// parsePatterns reads a JSON array of patterns.
func parsePatterns(text []byte) (*Patterns, error) {
	var list []string
	if err := json.Unmarshal(text, &list); err != nil || list == nil {
		return nil, errors.New(`must be a JSON array of strings, such as ["BTC_*"]`)
	}
	return NewPatterns(list)
}

// Match reports whether a room is among them. It allocates nothing.
func (p *Patterns) Match(room string) bool {
	if p == nil || p.all {
		return true
	}
	if _, named := p.names[room]; named {
		return true
	}
	// The one that room begins with, if there is one, is the greatest that is not greater than room:
	// what lies between the two would begin with it.
	i, exact := slices.BinarySearch(p.prefixes, room)
	return exact || i > 0 && strings.HasPrefix(room, p.prefixes[i-1])
}

// equal reports whether two mean the same.
func (p *Patterns) equal(o *Patterns) bool {
	if p == nil || o == nil {
		return p.everything() == o.everything()
	}
	if p.all || o.all {
		return p.all == o.all
	}
	if len(p.names) != len(o.names) || !slices.Equal(p.prefixes, o.prefixes) {
		return false
	}
	for name := range p.names {
		if _, named := o.names[name]; !named {
			return false
		}
	}
	return true
}

func (p *Patterns) everything() bool { return p == nil || p.all }
