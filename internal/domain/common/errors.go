package common

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"backbone/protocol"
)

// maxQuoted is how many bytes of a client's text an error message repeats.
const maxQuoted = 64

// Errorf returns a *RequestError with a formatted message. Text from the client must go
// through [Quote] first.
func Errorf(code protocol.Code, format string, args ...any) error {
	return &RequestError{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Required says that a field is missing.
func Required(field string) error {
	return Errorf(protocol.CodeInvalidEvent, "%s: is required", field)
}

// UnknownType says that there is no such type. known says whether there is one that differs only in
// case, which the error then names.
func UnknownType(typ string, known func(lower string) bool) error {
	hint := pingHint(typ)
	if lower := strings.ToLower(typ); hint == "" && known(lower) {
		hint = ", did you mean " + lower + "?"
	}
	return Errorf(protocol.CodeUnknownType, "type: there is no type %s%s", Quote(typ), hint)
}

// pingHint is what an error adds if text is the word ping: many servers take that for a ping.
func pingHint[S string | []byte](text S) string {
	if strings.EqualFold(strings.Trim(string(text[:min(len(text), maxQuoted)]), space+`"'`), protocol.TypePing) {
		return `; to ping, send {"type":"ping"}`
	}
	return ""
}

// Quote returns a client's text in quotes, made printable and cut to maxQuoted bytes.
func Quote[S string | []byte](s S) string {
	text := string(s[:min(len(s), maxQuoted+utf8.UTFMax)])
	if len(text) <= maxQuoted {
		return strconv.Quote(text)
	}
	cut := maxQuoted
	for cut > maxQuoted-utf8.UTFMax && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return strconv.Quote(text[:cut]) + "..."
}

// CheckRoom returns an invalid_room error that names the field unless name may name
// a room or an instrument.
func CheckRoom[S string | []byte](field string, name S) error {
	fault := protocol.RoomFault(name)
	if fault == "" {
		return nil
	}
	return Errorf(protocol.CodeInvalidRoom, "%s: %s, got %s", field, fault, Quote(name))
}

func meant(name []byte, known string) error {
	return Errorf(protocol.CodeUnknownField, "%s: unknown field, did you mean %s?", label(name), known)
}

// label is a key as error messages name it: unquoted if it reads as one word.
func label(name []byte) string {
	if len(name) == 0 || len(name) > maxQuoted {
		return Quote(name)
	}
	for _, c := range name {
		if c != '_' && c != '-' && (c < '0' || c > '9') && (c|' ' < 'a' || c|' ' > 'z') {
			return Quote(name)
		}
	}
	return string(name)
}

func wrongKind(name, expected string, value []byte) error {
	return Errorf(protocol.CodeInvalidEvent, "%s: %s, got %s", name, expected, kind(value))
}
