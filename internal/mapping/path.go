package mapping

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// path leads to a value in JSON: .a.b[0] from an element, $.a from the line that holds it.
type path struct {
	text  string // as it was written
	whole bool   // begins at the line
	steps []step
}

// step is one part of a path: a key, an index (from the end, if it is negative), or all elements.
type step struct {
	kind  byte // '.' a key, '[' an index, '*' all
	key   string
	index int
}

// finder follows paths. Its decoder is reused.
type finder struct {
	in bytes.Buffer
	d  jsontext.Decoder
}

// checked lets through what was checked already.
var checked = []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}

// check returns why v is not one value of JSON, in UTF-8 and with each key once.
func (f *finder) check(v []byte) error {
	f.in = *bytes.NewBuffer(v)
	f.d.Reset(&f.in)
	if err := f.d.SkipValue(); err != nil {
		return fmt.Errorf("not valid JSON: %s", strings.TrimPrefix(err.Error(), "jsontext: "))
	}
	if _, err := f.d.ReadToken(); !errors.Is(err, io.EOF) {
		return errors.New("expected nothing behind the first value")
	}
	return nil
}

// open begins to read the object or array v. It returns false if v is none.
func (f *finder) open(v jsontext.Value, kind jsontext.Kind) bool {
	if v.Kind() != kind {
		return false
	}
	f.in = *bytes.NewBuffer(v)
	f.d.Reset(&f.in, checked...)
	_, err := f.d.ReadToken()
	return err == nil
}

// value returns the next value of v, which was opened, as a part of v.
func (f *finder) value(v jsontext.Value) (jsontext.Value, bool) {
	found, err := f.d.ReadValue() // an error is the end: the line was checked
	if err != nil {
		return nil, false
	}
	end := f.d.InputOffset()
	return v[end-int64(len(found)) : end], true
}

// find returns what is at the end of steps, a part of v, or nil if there is nothing. v is valid.
func (f *finder) find(v jsontext.Value, steps []step) jsontext.Value {
	for _, s := range steps {
		switch {
		case v == nil:
			return nil
		case s.kind == '.':
			v = f.member(v, s.key)
		default:
			v = f.element(v, s.index)
		}
	}
	return v
}

func (f *finder) member(v jsontext.Value, key string) jsontext.Value {
	if !f.open(v, '{') {
		return nil
	}
	for f.d.PeekKind() == '"' {
		name, ok := f.value(v)
		if !ok {
			break
		}
		if isText(name, key) {
			found, _ := f.value(v)
			return found
		}
		if f.d.SkipValue() != nil {
			break
		}
	}
	return nil
}

func (f *finder) element(v jsontext.Value, n int) jsontext.Value {
	if n < 0 {
		all := f.elements(v)
		if n += len(all); n < 0 {
			return nil
		}
		return all[n]
	}
	if !f.open(v, '[') {
		return nil
	}
	for ; n > 0; n-- {
		if f.d.PeekKind() == ']' || f.d.SkipValue() != nil {
			return nil
		}
	}
	if f.d.PeekKind() == ']' {
		return nil
	}
	found, _ := f.value(v)
	return found
}

// elements returns those of an array.
func (f *finder) elements(v jsontext.Value) (all []jsontext.Value) {
	if !f.open(v, '[') {
		return nil
	}
	for f.d.PeekKind() != ']' {
		e, ok := f.value(v)
		if !ok {
			break
		}
		all = append(all, e)
	}
	return all
}

// isText reports whether the string v of JSON is text.
func isText(v jsontext.Value, text string) bool {
	if bytes.IndexByte(v, '\\') < 0 {
		return string(v[1:len(v)-1]) == text
	}
	return textOf(v) == text
}

// textOf is the text of a string of JSON.
func textOf(v jsontext.Value) string {
	text, err := jsontext.AppendUnquote(nil, v)
	if err != nil { // it was checked: not reached
		return ""
	}
	return string(text)
}

// shorten cuts what is shown to people.
func shorten[T ~string | ~[]byte](v T) string {
	const most = 60
	if len(v) <= most {
		return string(v)
	}
	return strings.ToValidUTF8(string(v[:most]), "") + "..."
}
