package common

import (
	"bytes"
	"cmp"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"backbone/protocol"
)

// maxFields is how many fields of an object are kept, in addition to "type" and "id". Every
// type has far fewer fields. So if an object has more, [Object.Only] finds an unknown field
// among the kept ones. Comparing each key with all keys before it stays cheap.
const maxFields = 16

// Object is one JSON object of a message, cut into fields. Its "type" and "id" are checked,
// and everything else still has to be validated. A []byte that its methods return is part of
// the message or of the Object's own memory, and valid as long as the Object is. One goroutine
// at a time may use it. Errors of its methods are of type *RequestError.
type Object struct {
	text    []byte // that it was cut from
	fields  [maxFields + 2]field
	n       int    // fields in use
	typ     string // "" if there is no valid one
	id      []byte // nil if there is no valid one
	err     error  // the first thing found wrong, of type *RequestError
	seen    string // the last type that was copied: most messages of a connection have the same
	scratch []byte // unescaped strings of this object

	// What usual took, until its fields are cut.
	uncut             span // in text; its end is 0 for other objects
	instrument, price []byte
}

// field holds places instead of slices, so that cutting a message writes no pointers.
type field struct {
	name     span // unescaped; in scratch if the key had an escape, otherwise in text
	value    span // in text
	unquoted bool // name is in scratch
	escaped  bool // value is a string with an escape
	twice    bool // the key appeared again
}

func (o *Object) nameOf(f *field) []byte {
	if f.unquoted {
		return o.scratch[f.name.begin:f.name.end:f.name.end]
	}
	return o.text[f.name.begin:f.name.end]
}

func (o *Object) valueOf(f *field) []byte { return o.text[f.value.begin:f.value.end] }

// Type is the value of "type". It is never empty if the Object came without an error.
func (o *Object) Type() string { return o.typ }

// ID returns the value of "id", to be echoed in the reply, and whether there is one. An id that
// is not valid is not echoed.
func (o *Object) ID() (string, bool) { return string(o.id), o.id != nil }

// Only returns an unknown_field error for the first field that is not among allowed.
// "type" and "id" are always allowed.
func (o *Object) Only(allowed ...string) error {
	o.cut()
	for i := range o.fields[:o.n] {
		if name := o.nameOf(&o.fields[i]); !reserved(name) && !contains(allowed, name) {
			return o.unknown(name, allowed)
		}
	}
	return nil
}

// Text returns the string field of this name, unescaped, and whether it is present.
func (o *Object) Text(name string) (text []byte, present bool, err error) {
	f := o.find(name)
	if f == nil {
		return nil, false, nil
	}
	value := o.valueOf(f)
	if value[0] != '"' {
		return nil, true, wrongKind(name, "must be a JSON string", value)
	}
	if f.escaped {
		return o.unquote(value), true, nil
	}
	return value[1 : len(value)-1], true, nil
}

// Room returns the string field of this name, which must be present and a valid name
// of a room or an instrument.
func (o *Object) Room(name string) ([]byte, error) {
	room, present, err := o.Text(name)
	switch {
	case err != nil:
		return nil, err
	case !present:
		return nil, Required(name)
	}
	return room, CheckRoom(name, room)
}

// Number returns the text of the number field of this name as it was sent, and whether
// it is present.
func (o *Object) Number(name string) (text []byte, present bool, err error) {
	f := o.find(name)
	if f == nil {
		return nil, false, nil
	}
	value := o.valueOf(f)
	if c := value[0]; c != '-' && (c < '0' || c > '9') {
		return nil, true, wrongKind(name, "must be a JSON number", value)
	}
	return value, true, nil
}

// Bool returns the boolean field of this name, and whether it is present.
func (o *Object) Bool(name string) (value, present bool, err error) {
	f := o.find(name)
	if f == nil {
		return false, false, nil
	}
	text := o.valueOf(f)
	if c := text[0]; c != 't' && c != 'f' {
		return false, true, wrongKind(name, "must be true or false", text)
	}
	return text[0] == 't', true, nil
}

// Nested returns the text of the object field of this name as it was sent, and whether it is
// present.
func (o *Object) Nested(name string) (text []byte, present bool, err error) {
	f := o.find(name)
	if f == nil {
		return nil, false, nil
	}
	value := o.valueOf(f)
	if value[0] != '{' {
		return nil, true, wrongKind(name, "must be a JSON object", value)
	}
	return value, true, nil
}

// Strings returns a copy of the field of this name, an array of strings, and whether
// it is present.
func (o *Object) Strings(name string) (list []string, present bool, err error) {
	f := o.find(name)
	if f == nil {
		return nil, false, nil
	}
	value := o.valueOf(f)
	if value[0] != '[' {
		return nil, true, wrongKind(name, "must be an array of JSON strings", value)
	}
	for i := skipSpace(value, 1); value[i] != ']'; {
		end, escaped := skipValue(value, i)
		item := value[i:end]
		switch {
		case item[0] != '"':
			return nil, true, Errorf(protocol.CodeInvalidEvent, "%s[%d]: must be a JSON string, got %s", name, len(list), kind(item))
		case escaped:
			list = append(list, string(o.unquote(item)))
		default:
			list = append(list, string(item[1:len(item)-1]))
		}
		i = nextItem(value, end)
	}
	return list, true, nil
}

func (o *Object) reset(text []byte) {
	o.text, o.n, o.typ, o.id, o.err, o.scratch, o.uncut = text, 0, "", nil, nil, o.scratch[:0], span{}
}

// fail notes err as what is wrong with the object, unless something was found before.
func (o *Object) fail(err error) {
	if o.err == nil {
		o.err = err
	}
}

// read takes the object that begins at i of the valid JSON text b, and returns the
// place after it. Of several mistakes the first key that appears twice is the one
// reported, then the id, then the type.
func (o *Object) read(b []byte, i int) (end int) {
	o.reset(b)
	for i = skipSpace(b, i+1); b[i] != '}'; {
		after, escaped := skipString(b, i)
		f := field{name: span{i + 1, after - 1}, unquoted: escaped}
		if escaped {
			begin := len(o.scratch)
			o.unquote(b[i:after])
			f.name = span{begin, len(o.scratch)}
		}
		i = skipSpace(b, skipSpace(b, after)+1) // over the colon
		after, f.escaped = skipValue(b, i)
		f.value = span{i, after}
		o.add(f)
		i = nextItem(b, after)
	}
	o.checkID()
	o.checkType()
	return i + 1
}

func (o *Object) add(f field) {
	name := o.nameOf(&f)
	for i := range o.fields[:o.n] {
		if known := &o.fields[i]; known.name.len() == len(name) && bytes.Equal(o.nameOf(known), name) {
			known.twice = true
			o.fail(Errorf(protocol.CodeInvalidEvent, "%s: appears more than once", label(name)))
			return
		}
	}
	if o.n < maxFields || reserved(name) {
		o.fields[o.n] = f
		o.n++
	}
}

func (o *Object) checkID() {
	id, present, err := o.Text("id")
	switch {
	case err != nil:
		o.fail(err)
	case !present || o.find("id").twice:
	case len(id) == 0:
		o.fail(Errorf(protocol.CodeInvalidEvent, "id: must not be empty"))
	case len(id) > protocol.MaxIDLength && utf8.RuneCount(id) > protocol.MaxIDLength:
		o.fail(Errorf(protocol.CodeInvalidEvent, "id: must have at most %d characters, got %d",
			protocol.MaxIDLength, utf8.RuneCount(id)))
	default:
		o.id = id
	}
}

func (o *Object) checkType() {
	typ, present, err := o.Text("type")
	switch {
	case err != nil:
		o.fail(err)
	case !present:
		hint := ""
		for i := range o.fields[:o.n] {
			name, value := o.nameOf(&o.fields[i]), o.valueOf(&o.fields[i])
			if bytes.EqualFold(name, []byte("type")) {
				o.fail(meant(name, "type"))
			}
			hint = cmp.Or(hint, pingHint(name), pingHint(value)) // as in {"op":"ping"} and {"ping":1}
		}
		o.fail(Errorf(protocol.CodeInvalidEvent, "type: is required%s", hint))
	case len(typ) == 0:
		o.fail(Errorf(protocol.CodeInvalidEvent, "type: must not be empty"))
	default:
		if o.seen != string(typ) {
			o.seen = string(typ)
		}
		o.typ = o.seen
	}
}

func (o *Object) find(name string) *field {
	o.cut()
	for i := range o.fields[:o.n] {
		if f := &o.fields[i]; f.name.len() == len(name) && string(o.nameOf(f)) == name {
			return f
		}
	}
	return nil
}

func (o *Object) unquote(quoted []byte) []byte {
	start := len(o.scratch)
	// The error is about invalid UTF-8, of which valid JSON has none.
	o.scratch, _ = jsontext.AppendUnquote(o.scratch, quoted)
	return o.scratch[start:len(o.scratch):len(o.scratch)]
}

func (o *Object) unknown(name []byte, allowed []string) error {
	allowed = append(allowed[:len(allowed):len(allowed)], "type", "id")
	for _, known := range allowed {
		if bytes.EqualFold(name, []byte(known)) {
			return meant(name, known)
		}
	}
	return Errorf(protocol.CodeUnknownField, "%s: unknown field, %s has %s", label(name), label([]byte(o.typ)), strings.Join(allowed, ", "))
}

func reserved(name []byte) bool { return string(name) == "type" || string(name) == "id" }

func contains(list []string, name []byte) bool {
	for _, s := range list {
		if s == string(name) {
			return true
		}
	}
	return false
}
