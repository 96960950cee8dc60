package common

import (
	"bytes"
	"errors"
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"backbone/protocol"
)

// maxNesting is the number of open brackets up to which the syntax of a message is checked
// recursively, which is faster. The stack then stays under about 200 KB.
const maxNesting = 512

// Decoder turns messages into Objects. One goroutine at a time may use it. It keeps its memory
// from message to message, so it is worth pooling.
//
// Most messages are plain (see plain.go) and decoded in one pass. With the others it works in two
// steps. First jsontext checks the syntax of the whole message. Then the valid text is cut into
// fields, object by object. A mistake found there concerns only that object. If the syntax of an
// array is wrong, its elements are checked one by one.
type Decoder struct {
	text jsontext.Decoder
	src  bytes.Buffer // over the message; jsontext reads it in place
	obj  Object
}

// NewDecoder returns a Decoder.
func NewDecoder() *Decoder { return new(Decoder) }

// Object decodes a message that must be one object. The Object is never nil, because the reply
// to a message with an error echoes its ID too. It is valid until the next call of a method of
// d, and while msg does not change. Errors are of type *RequestError.
func (d *Decoder) Object(msg []byte) (*Object, error) {
	if d.obj.plain(msg, 0) == len(msg) {
		return &d.obj, d.obj.err
	}
	d.obj.reset(nil)
	text, _, err := d.check(msg, 0)
	if err != nil {
		return &d.obj, err
	}
	if text[0] != '{' {
		return &d.obj, Errorf(protocol.CodeInvalidJSON, "must be a JSON object, got %s%s", kind(text), pingHint(text))
	}
	d.obj.read(text, 0)
	return &d.obj, d.obj.err
}

// Batch decodes a message that is one object, or an array of objects. It calls each for every
// object in order, with its position in the array, or with -1 if the message is one object. err
// is what is wrong with this object, of type *RequestError. obj is as [Decoder.Object] returns
// it, and valid until each returns. Batch goes on while each returns true.
//
// An element that is not JSON costs only itself. If the message is neither, is an empty array, or
// is so broken that its elements cannot be told apart, Batch does not call each. It returns an
// error of type *RequestError with code invalid_json.
func (d *Decoder) Batch(msg []byte, each func(index int, obj *Object, err error) (more bool)) error {
	if d.obj.plain(msg, 0) == len(msg) {
		each(-1, &d.obj, d.obj.err)
		return nil
	}
	if first := plainArray(msg); first != notPlain {
		d.plainBatch(msg, first, each)
		return nil
	}
	text, at, err := d.check(msg, 0)
	if err != nil {
		return d.broken(msg, err, at, each)
	}
	if text[0] == '{' {
		d.obj.read(text, 0)
		each(-1, &d.obj, d.obj.err)
		return nil
	}
	if text[0] != '[' {
		return Errorf(protocol.CodeInvalidJSON, "must be a JSON object or an array of objects, got %s%s", kind(text), pingHint(text))
	}
	i := skipSpace(text, 1)
	if text[i] == ']' {
		return Errorf(protocol.CodeInvalidJSON, "must be a JSON object or an array of objects, got an empty array")
	}
	for index := 0; text[i] != ']'; index++ {
		var end int
		if text[i] == '{' {
			end = d.obj.read(text, i)
		} else {
			end, _ = skipValue(text, i)
			d.obj.reset(nil)
			d.obj.fail(notAnObject(text[i:end]))
		}
		if !each(index, &d.obj, d.obj.err) {
			break
		}
		i = nextItem(text, end)
	}
	return nil
}

// plainBatch is Batch for an array that plainArray checked, whose first object begins at i.
func (d *Decoder) plainBatch(msg []byte, i int, each func(int, *Object, error) bool) {
	for index := 0; ; index++ {
		end := d.obj.plain(msg, i)
		if !each(index, &d.obj, d.obj.err) {
			return
		}
		if i = plainBlanks(msg, end); msg[i] == ']' {
			return
		}
		i = plainBlanks(msg, i+1)
	}
}

func notAnObject(text []byte) error {
	return Errorf(protocol.CodeInvalidEvent, "must be a JSON object, got %s%s", kind(text), pingHint(text))
}

// check returns the only value of msg from byte begin on, without blanks around it, or an
// invalid_json error and the byte that it is about. Keys that appear twice are left to Object,
// which can say in which element.
func (d *Decoder) check(msg []byte, begin int) (value []byte, at int, err error) {
	d.src = *bytes.NewBuffer(msg[begin:])
	d.text.Reset(&d.src, jsontext.AllowDuplicateNames(true))
	if mayNestDeeply(msg[begin:]) {
		err = d.text.SkipValue() // keeps its place in a slice, so depth does not grow a stack
	} else {
		_, err = d.text.ReadValue()
	}
	if err != nil {
		return syntaxError(err, msg, begin)
	}
	end := begin + int(d.text.InputOffset())
	if rest := blanks(msg[end:]); len(rest) > 0 {
		at = len(msg) - len(rest)
		return nil, at, Errorf(protocol.CodeInvalidJSON, "not valid JSON: data after the end of the value, at byte %d", at)
	}
	return msg[skipSpace(msg, begin):end], 0, nil
}

func mayNestDeeply(msg []byte) bool {
	return len(msg) > maxNesting && bytes.Count(msg, []byte("["))+bytes.Count(msg, []byte("{")) > maxNesting
}

// syntaxError is what check returns for an error of jsontext in msg from byte begin on.
func syntaxError(err error, msg []byte, begin int) ([]byte, int, error) {
	if errors.Is(err, io.EOF) {
		return nil, begin, Errorf(protocol.CodeInvalidJSON, "not valid JSON: the message is empty")
	}
	syntax, ok := errors.AsType[*jsontext.SyntacticError](err)
	if !ok {
		return nil, begin, Errorf(protocol.CodeInvalidJSON, "not valid JSON: %v", err)
	}
	at := begin + int(syntax.ByteOffset)
	if errors.Is(syntax.Err, io.ErrUnexpectedEOF) {
		return nil, at, Errorf(protocol.CodeInvalidJSON, "not valid JSON: unexpected end at byte %d", at)
	}
	return nil, at, Errorf(protocol.CodeInvalidJSON, "not valid JSON: %v, at byte %d%s", syntax.Err, at, pingHint(msg[begin:]))
}
