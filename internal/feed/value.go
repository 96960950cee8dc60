package feed

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Unmarshal decodes a message of an exchange. Names match in the case in which they are written,
// because "t" and "T" are two things to most exchanges. Unknown fields are left out. Text that is no
// UTF-8 is an error.
func Unmarshal(data []byte, into any) error {
	err := json.Unmarshal(data, into, options)
	if err == nil {
		return nil
	}
	// The library's own text names it and our types, which says nothing to who reads the log.
	if wrong, ok := errors.AsType[*json.SemanticError](err); ok && wrong.Err == nil {
		return fmt.Errorf("%q is of another type than expected", wrong.JSONPointer)
	}
	return errors.New(strings.TrimPrefix(err.Error(), "jsontext: "))
}

// JSON is a text frame with v, which can be encoded.
func JSON(v any) Frame {
	data, err := json.Marshal(v, jsontext.AllowInvalidUTF8(true), json.Deterministic(true))
	if err != nil {
		panic("feed: " + err.Error())
	}
	return Frame{Text, data}
}

var options = jsontext.AllowDuplicateNames(true)

// Scalar is a value of a message that may be written as a string or as a number. It keeps the
// digits as they were written. What is neither, nor true or false, is kept as absent, so that a field
// of another type costs no more than what it belongs to.
type Scalar struct {
	text    string
	kind    jsontext.Kind // '"', '0', 't' or 'f'; 0 for all else
	written bool          // the field was there, whatever in it
}

// UnmarshalJSONFrom is called by the decoder.
func (s *Scalar) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	v, err := d.ReadValue()
	if err != nil {
		return err
	}
	*s = Scalar{kind: v.Kind(), written: true}
	switch s.kind {
	case '0':
		s.text = string(v)
	case '"':
		if inner := v[1 : len(v)-1]; bytes.IndexByte(inner, '\\') < 0 {
			s.text = string(inner)
			break
		}
		text, err := jsontext.AppendUnquote(nil, v)
		if err != nil {
			return err
		}
		s.text = string(text)
	case 't', 'f':
	default:
		s.kind = 0
	}
	return nil
}

// Text is what was written, without quotes. It is empty for what is absent.
func (s Scalar) Text() string { return s.text }

// IsAbsent reports whether nothing was there.
func (s Scalar) IsAbsent() bool { return !s.written }

// IsTrue reports whether it was true.
func (s Scalar) IsTrue() bool { return s.kind == 't' }

// IsFalse reports whether it was false.
func (s Scalar) IsFalse() bool { return s.kind == 'f' }

// Uint is a natural number, written with or without quotes. It is 0 for all else.
func (s Scalar) Uint() uint64 {
	n, err := strconv.ParseUint(s.text, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// Millis is a time in Unix milliseconds, written in such. A fraction is cut off. It is 0 for what
// is no time, absent, or not after 1970.
func (s Scalar) Millis() int64 { return s.unix(1) }

// Micros is Millis for a time that is written in microseconds.
func (s Scalar) Micros() int64 { return s.unix(1e3) }

// Nanos is Millis for a time that is written in nanoseconds.
func (s Scalar) Nanos() int64 { return s.unix(1e6) }

// Seconds is Millis for a time that is written in whole seconds.
func (s Scalar) Seconds() int64 {
	n := s.unix(1)
	if n > maxMillis/1000 {
		return 0
	}
	return n * 1000
}

// maxMillis is far beyond any time, and far below where a sum overflows.
const maxMillis = 1 << 60

func (s Scalar) unix(per int64) int64 {
	whole, fraction, _ := strings.Cut(s.text, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || n < 0 || n/per > maxMillis || strings.Trim(fraction, "0123456789") != "" {
		return 0
	}
	return n / per
}

// Time is Millis for a time as in RFC 3339, with up to nine digits behind the point.
func (s Scalar) Time() int64 {
	t, err := time.Parse(time.RFC3339Nano, s.text)
	if err != nil {
		return 0
	}
	return max(t.UnixMilli(), 0)
}
