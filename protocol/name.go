package protocol

import (
	"fmt"
	"unicode"
	"unicode/utf8"
)

// ValidRoom reports whether s may name a room or an instrument: 1 to [MaxRoomLength] bytes of
// UTF-8. Letters, marks, numbers, punctuation and symbols of any script are allowed, and single
// blanks (U+0020) between them. Quotes, backslashes, control, format and private-use characters
// and those that Unicode has not assigned are not. Names are compared byte by byte.
func ValidRoom[S string | []byte](s S) bool { return RoomFault(s) == "" }

// PrefixFault says what s has to be changed in to begin names of rooms. It is "" if it may: s is empty,
// which begins all names, or a valid name itself, of which the last character may be a blank.
func PrefixFault[S string | []byte](s S) string {
	switch last := len(s) - 1; {
	case last < 0:
		return ""
	case s[last] == ' ' && last > 0 && last < MaxRoomLength:
		return RoomFault(s[:last])
	}
	return RoomFault(s)
}

// RoomFault says what s has to be changed in to name a room, such as "must not be empty". It is
// "" if s may name a room; see [ValidRoom].
func RoomFault[S string | []byte](s S) string {
	switch {
	case len(s) == 0:
		return "must not be empty"
	case len(s) > MaxRoomLength:
		return fmt.Sprintf("must have at most %d bytes, has %d", MaxRoomLength, len(s))
	case s[0] == ' ' || s[len(s)-1] == ' ':
		return "must not begin or end with a blank"
	}
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case '!' <= c && c <= '~' && c != '"' && c != '\\', c == ' ' && s[i-1] != ' ':
			i++
			continue
		case c == ' ':
			return "must not have two blanks in a row"
		case c == '"' || c == '\\':
			return "must not contain " + string(rune(c))
		}
		r, size := utf8.DecodeRuneInString(string(s[i:min(len(s), i+utf8.UTFMax)]))
		switch {
		case r == utf8.RuneError && size == 1:
			return "must be UTF-8"
		case !unicode.IsPrint(r):
			return fmt.Sprintf("must not contain the character %U", r)
		}
		i += size
	}
	return ""
}
