package domain_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The rules of the wire once more, read with encoding/json and written for clarity: a
// second opinion on what the domains accept.

var (
	nameRule   = regexp.MustCompile(`\A[\pL\pM\pN\pP\pS]+( [\pL\pM\pN\pP\pS]+)*\z`)
	zeroRule   = regexp.MustCompile(`\A-?[0.]+([eE][+-]?[0-9]+)?\z`)
	digitsRule = regexp.MustCompile(`\A[0-9]+\z`)
)

var errRefused = errors.New("refused")

// reference returns the event that a valid object becomes.
func reference(object []byte) (payload string, err error) {
	fields, err := members(object)
	if err != nil {
		return "", err
	}
	text := func(name string) (s string) {
		raw, present := fields[name]
		if !present || raw[0] != '"' || json.Unmarshal(raw, &s) != nil {
			err = errRefused
		}
		return s
	}
	number := func(name string) string {
		raw, present := fields[name]
		if !present || !strings.ContainsRune("-0123456789", rune(raw[0])) {
			err = errRefused
		}
		return string(raw)
	}
	typ := text("type")
	if _, present := fields["id"]; present {
		if n := utf8.RuneCountInString(text("id")); n < 1 || n > 64 {
			err = errRefused
		}
	}
	allowed := map[string]string{
		"price_update": " type id instrument price ts data ",
		"message":      " type id room data ",
		"retire":       " type id instrument ",
	}[typ]
	for name := range fields {
		if !strings.Contains(allowed, " "+name+" ") || strings.Contains(name, " ") {
			return "", errRefused
		}
	}
	if typ == "message" {
		room, data := text("room"), text("data")
		if err != nil || !validName(room) || len(data) > 16<<10 {
			return "", errRefused
		}
		return `{"type":"message","room":"` + room + `","data":` + quote(data) + `}`, nil
	}
	if typ == "retire" {
		instrument := text("instrument")
		if err != nil || !validName(instrument) {
			return "", errRefused
		}
		return `{"type":"retired","instrument":"` + instrument + `"}`, nil
	}
	instrument, price, ts := text("instrument"), number("price"), number("ts")
	if err != nil || !validName(instrument) || !digitsRule.MatchString(ts) {
		return "", errRefused
	}
	if n, _ := new(big.Int).SetString(ts, 10); n.BitLen() > 63 {
		return "", errRefused
	}
	f, err := strconv.ParseFloat(price, 64)
	if err != nil || len(price) > 64 || math.Abs(f) < 1e-308 && !zeroRule.MatchString(price) {
		return "", errRefused
	}
	data := ""
	if raw, present := fields["data"]; present {
		if raw[0] != '{' || len(raw) > 4<<10 || levels(raw) > 16 {
			return "", errRefused
		}
		data = `,"data":` + string(raw)
	}
	return `{"type":"price_update","instrument":"` + instrument + `","price":` + price + `,"ts":` + ts + data + `}`, nil
}

func validName(s string) bool {
	return len(s) <= 128 && nameRule.MatchString(s) && !strings.ContainsAny(s, `"\`)
}

// levels is how deep the objects and arrays of a valid text are nested.
func levels(raw []byte) (deepest int) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	for depth := 0; ; {
		token, err := dec.Token()
		if err != nil {
			return deepest
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		deepest = max(deepest, depth)
	}
}

// members returns the members of an object, each of which must be there once.
func members(object []byte) (map[string]json.RawMessage, error) {
	dec := json.NewDecoder(bytes.NewReader(object))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, errRefused
	}
	fields := map[string]json.RawMessage{}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, err
		}
		name := key.(string)
		if _, twice := fields[name]; twice {
			return nil, errRefused
		}
		fields[name] = value
	}
	return fields, nil
}

// quote writes s with the escapes that JSON demands, in their shortest form.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		if short := strings.IndexRune("\"\\\b\f\n\r\t", r); short >= 0 {
			b.WriteByte('\\')
			b.WriteByte(`"\bfnrt`[short])
		} else if r < ' ' {
			b.WriteString(`\u00` + string("0123456789abcdef"[r>>4]) + string("0123456789abcdef"[r&15]))
		} else {
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
