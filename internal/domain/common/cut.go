package common

import (
	"bytes"
	"cmp"
	"unicode/utf8"

	"backbone/protocol"
)

func (o *Object) reset(text []byte) {
	o.text, o.n, o.next, o.typeAt, o.idAt, o.lengths = text, 0, 0, -1, -1, 0
	o.typ, o.id, o.err, o.scratch = "", nil, nil, o.scratch[:0]
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
		f := &o.fields[o.n]
		*f = field{name: span{i + 1, after - 1}, unquoted: escaped}
		if escaped {
			begin := len(o.scratch)
			o.unquote(b[i:after])
			f.name = span{begin, len(o.scratch)}
		}
		i = skipSpace(b, skipSpace(b, after)+1) // over the colon
		after, f.escaped = skipValue(b, i)
		f.value = span{i, after}
		o.add()
		i = nextItem(b, after)
	}
	o.checkID()
	o.checkType()
	return i + 1
}

// add takes the field that was read behind those in use.
func (o *Object) add() {
	name := o.nameOf(&o.fields[o.n])
	if length := uint64(1) << (len(name) % 64); o.lengths&length == 0 {
		o.lengths |= length
	} else if o.repeats(name) {
		return
	}
	switch string(name) {
	case "type":
		o.typeAt = o.n
	case "id":
		o.idAt = o.n
	default:
		if o.n >= maxFields {
			return
		}
	}
	o.n++
}

// repeats reports whether a field before has the name, and notes that.
func (o *Object) repeats(name []byte) bool {
	for i := range o.fields[:o.n] {
		if known := &o.fields[i]; known.name.len() == len(name) && bytes.Equal(o.nameOf(known), name) {
			known.twice = true
			o.fail(Errorf(protocol.CodeInvalidEvent, "%s: appears more than once", label(name)))
			return true
		}
	}
	return false
}

func (o *Object) checkID() {
	if o.idAt < 0 {
		return
	}
	f := &o.fields[o.idAt]
	id, err := o.textOf(f, "id")
	switch {
	case err != nil:
		o.fail(err)
	case f.twice:
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
	if o.typeAt < 0 {
		o.noType()
		return
	}
	switch typ, err := o.textOf(&o.fields[o.typeAt], "type"); {
	case err != nil:
		o.fail(err)
	case len(typ) == 0:
		o.fail(Errorf(protocol.CodeInvalidEvent, "type: must not be empty"))
	default:
		if o.seen != string(typ) {
			o.seen = string(typ)
		}
		o.typ = o.seen
	}
}

func (o *Object) noType() {
	hint := ""
	for i := range o.fields[:o.n] {
		name, value := o.nameOf(&o.fields[i]), o.valueOf(&o.fields[i])
		if bytes.EqualFold(name, []byte("type")) {
			o.fail(meant(name, "type"))
		}
		hint = cmp.Or(hint, pingHint(name), pingHint(value)) // as in {"op":"ping"} and {"ping":1}
	}
	o.fail(Errorf(protocol.CodeInvalidEvent, "type: is required%s", hint))
}
