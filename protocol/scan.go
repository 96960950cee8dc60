package protocol

import (
	"bytes"
	"encoding/json"
	"math"
)

// ScanConflated cuts a conflated notice into its values; see [ScanPriceUpdate].
func ScanConflated(b []byte) (room []byte, skipped uint64, ok bool) {
	if b, ok = after(b, conflatedOpen); !ok {
		return nil, 0, false
	}
	if room, b, ok = upTo(b, '"'); !ok {
		return nil, 0, false
	}
	if b, ok = after(b, skippedKey); !ok {
		return nil, 0, false
	}
	skipped, b, ok = natural(b)
	return room, skipped, ok && string(b) == `}`
}

// ScanAck returns the id of an ack, where that is a natural number; see [ScanPriceUpdate].
func ScanAck(b []byte) (id uint64, ok bool) {
	if b, ok = after(b, `{"type":"`+TypeAck+`","id":"`); !ok {
		return 0, false
	}
	id, b, ok = natural(b)
	return id, ok && string(b) == `"}`
}

// ScanMark returns the number of a mark and the age in it in milliseconds, -1 if it has none; see
// [ScanPriceUpdate].
func ScanMark(b []byte) (n uint64, ageMS int64, ok bool) {
	if b, ok = after(b, `{"type":"`+TypeMark+`","n":`); !ok {
		return 0, 0, false
	}
	if n, b, ok = natural(b); !ok {
		return 0, 0, false
	}
	rest, aged := after(b, ageKey)
	if !aged {
		return n, -1, string(b) == `}`
	}
	age, rest, ok := natural(rest)
	return n, int64(age), ok && age <= math.MaxInt64 && string(rest) == `}`
}

// ValidNumber reports whether s is a JSON number (RFC 8259, section 6) and nothing else.
func ValidNumber[S string | []byte](s S) bool {
	n := numberLen(s)
	return n > 0 && n == len(s)
}

// Depth is how deep objects and arrays are nested in the valid JSON text s: 1 for {"a":1}, 2 for
// {"a":[]}.
func Depth[S string | []byte](s S) int {
	depth, deepest, quoted := 0, 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
			deepest = max(deepest, depth)
		case c == '}' || c == ']':
			depth--
		}
	}
	return deepest
}

func after(b []byte, prefix string) ([]byte, bool) {
	if len(b) < len(prefix) || string(b[:len(prefix)]) != prefix {
		return b, false
	}
	return b[len(prefix):], true
}

// upTo returns the bytes before the first end, and those from it on.
func upTo(b []byte, end byte) (before, rest []byte, ok bool) {
	i := bytes.IndexByte(b, end)
	if i < 0 {
		return nil, b, false
	}
	return b[:i], b[i:], true
}

// natural takes a natural number of up to maxDigits digits, as JSON writes it.
func natural(b []byte) (n uint64, rest []byte, ok bool) {
	text, rest, ok := digits(b)
	return value(text), rest, ok
}

// maxDigits is how long numbers are that all fit a uint64.
const maxDigits = 19

// digits takes what natural does, as text, nil if there is none.
func digits(b []byte) (text, rest []byte, ok bool) {
	i := 0
	for i < len(b) && isDigit(b[i]) {
		i++
	}
	if i == 0 || i > maxDigits || i > 1 && b[0] == '0' {
		return nil, b, false
	}
	return b[:i], b[i:], true
}

// value is the number that up to maxDigits digits write.
func value(digits []byte) (n uint64) {
	for _, c := range digits {
		n = n*10 + uint64(c-'0')
	}
	return n
}

// numberLen is the length of the JSON number that s begins with, 0 if there is none.
func numberLen[S string | []byte](s S) int {
	digits := func(i int) int {
		for i < len(s) && isDigit(s[i]) {
			i++
		}
		return i
	}
	i := 0
	if i < len(s) && s[i] == '-' {
		i++
	}
	whole := i
	if i = digits(i); i == whole || s[whole] == '0' && i > whole+1 {
		return 0
	}
	if i < len(s) && s[i] == '.' {
		fraction := i + 1
		if i = digits(fraction); i == fraction {
			return 0
		}
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		exponent := i
		if i = digits(i); i == exponent {
			return 0
		}
	}
	return i
}

// objectLen is the length of the JSON object that b begins with, 0 if there is none.
func objectLen(b []byte) int {
	depth, quoted := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{':
			depth++
		case c == '}':
			depth--
		}
		if depth == 0 {
			if i == 0 || !json.Valid(b[:i+1]) {
				return 0
			}
			return i + 1
		}
	}
	return 0
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
