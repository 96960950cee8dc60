package mapping

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json/jsontext"
)

// scanner reads the small syntax of --map, --each and --where.
type scanner struct{ all, rest string }

func scan(text string) *scanner {
	return &scanner{text, strings.TrimSpace(text)}
}

// eat takes c, and blanks around it, if it comes next.
func (s *scanner) eat(c string) bool {
	rest, ok := strings.CutPrefix(strings.TrimLeft(s.rest, blanks), c)
	if ok {
		s.rest = strings.TrimLeft(rest, blanks)
	}
	return ok
}

const blanks = " \t\r\n"

// expected is an error at the place that was reached.
func (s *scanner) expected(what string) error {
	rest := strings.TrimLeft(s.rest, blanks)
	if rest == "" {
		return fmt.Errorf("expected %s at the end of %s", what, s.all)
	}
	return fmt.Errorf("expected %s, not %s", what, shorten(rest))
}

// path reads a path. It may hold [] where all is true.
func (s *scanner) path(all bool) (path, error) {
	from := s.rest
	var p path
	switch {
	case strings.HasPrefix(s.rest, "$"):
		p.whole = true
		s.rest = s.rest[1:]
	case !strings.HasPrefix(s.rest, "."):
		return p, s.expected("a path like .p")
	case s.rest == "." || !isKey(s.rest[1:]) && s.rest[1] != '"':
		s.rest = s.rest[1:] // the element itself, or .[0]
	}
	for {
		var next step
		var err error
		switch {
		case strings.HasPrefix(s.rest, "."):
			s.rest = s.rest[1:]
			next.kind = '.'
			next.key, err = s.key()
		case all && strings.HasPrefix(s.rest, "[]"):
			s.rest = s.rest[2:]
			next.kind = '*'
		case strings.HasPrefix(s.rest, "["):
			s.rest = s.rest[1:]
			next.kind = '['
			next.index, err = s.index()
		default:
			p.text = from[:len(from)-len(s.rest)]
			return p, nil
		}
		if err != nil {
			return p, err
		}
		p.steps = append(p.steps, next)
	}
}

// isKey reports whether text begins with what a key has without quotes.
func isKey(text string) bool {
	return strings.IndexFunc(text, endsKey) != 0 && text != ""
}

func endsKey(r rune) bool {
	return strings.ContainsRune(".,=[]()\"", r) || unicode.IsSpace(r) || unicode.IsControl(r) || r == unicode.ReplacementChar
}

// key reads a key, in the quotes of JSON or without.
func (s *scanner) key() (string, error) {
	if strings.HasPrefix(s.rest, `"`) {
		return s.text()
	}
	if !isKey(s.rest) {
		return "", s.expected(`a key, or one in quotes like ."a b"`)
	}
	end := strings.IndexFunc(s.rest, endsKey)
	if end < 0 {
		end = len(s.rest)
	}
	key := s.rest[:end]
	s.rest = s.rest[end:]
	return key, nil
}

// text reads a string of JSON.
func (s *scanner) text() (string, error) {
	v, err := s.constant()
	if err != nil {
		return "", err
	}
	return textOf(v), nil
}

// constant reads a value of JSON.
func (s *scanner) constant() (jsontext.Value, error) {
	d := jsontext.NewDecoder(strings.NewReader(s.rest))
	v, err := d.ReadValue()
	if err != nil {
		return nil, s.expected(`a value of JSON like "BTC"`)
	}
	v = v.Clone()
	s.rest = s.rest[d.InputOffset():]
	return v, nil
}

// index reads the rest of [n].
func (s *scanner) index() (int, error) {
	digits, rest, closed := strings.Cut(s.rest, "]")
	n, err := strconv.Atoi(digits)
	if !closed || err != nil || digits[0] == '+' {
		return 0, s.expected("a whole number and ]")
	}
	s.rest = rest
	return n, nil
}

// reference reads a path, or the name of a column. In number() it ends before the bracket.
func (s *scanner) reference(csv, inNumber bool) (path, error) {
	if !csv {
		return s.path(false)
	}
	if !strings.HasPrefix(s.rest, ".") {
		return s.column(inNumber)
	}
	p, err := s.path(false)
	switch {
	case err != nil:
		return p, err
	case len(p.steps) > 1 || len(p.steps) == 1 && p.steps[0].kind != '.':
		return p, fmt.Errorf("expected the name of a column, not %s", p.text)
	case len(p.steps) == 1:
		p.text = "column " + p.steps[0].key
	}
	return p, nil
}

// column reads the name of a column without quotes. It may hold anything but commas and =.
func (s *scanner) column(inNumber bool) (path, error) {
	name := s.rest
	if end := strings.IndexAny(name, ",="); end >= 0 {
		name = name[:end]
	}
	if inNumber {
		end := strings.LastIndexByte(name, ')')
		if end < 0 {
			return path{}, s.expected("a closing ) behind the name of a column")
		}
		name = name[:end]
	}
	key := strings.TrimSpace(name)
	if key == "" || key[0] == '"' {
		return path{}, s.expected(`the name of a column, or one in quotes like ."a,b"`)
	}
	s.rest = s.rest[len(name):]
	return path{text: "column " + key, steps: []step{{kind: '.', key: key}}}, nil
}

// source reads a path, a column or a constant, or number() of one of the first two.
func (s *scanner) source(csv bool) (source, error) {
	number := s.eat("number(")
	if !number && (strings.HasPrefix(s.rest, `"`) || !csv && !strings.HasPrefix(s.rest, ".") && !strings.HasPrefix(s.rest, "$")) {
		v, err := s.constant()
		if err != nil {
			err = s.expected(map[bool]string{false: `a path like .p, or a value of JSON like "BTC"`, true: `a column, or a text like "BTC"`}[csv])
		}
		return source{constant: v}, err
	}
	p, err := s.reference(csv, number)
	if err == nil && number && !s.eat(")") {
		err = s.expected("a closing )")
	}
	return source{path: p, number: number}, err
}

// target reads what is left of a path, and the = between them: a field, or a key of data.
func (s *scanner) target() (name, key string, err error) {
	targets := []string{"instrument", "price", "ts", "data.", "data"}
	n := slices.IndexFunc(targets, func(t string) bool { return strings.HasPrefix(s.rest, t) })
	if n < 0 {
		return "", "", s.expected("instrument=, price=, ts=, data= or data.KEY=")
	}
	name = targets[n]
	s.rest = s.rest[len(name):]
	if name == "data." {
		if key, err = s.key(); err != nil {
			return "", "", err
		}
		name += key
	}
	if !s.eat("=") {
		return "", "", s.expected("= behind " + name)
	}
	return name, key, nil
}
