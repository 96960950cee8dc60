package mapping

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"backbone/protocol"
)

// Error is why a line, or an element of it, is no price.
type Error struct {
	Code    protocol.Code
	Message string // names the field
}

func (e *Error) Error() string { return string(e.Code) + ": " + e.Message }

// Begin takes a line, which must not change before the last Next of it. It returns false if the
// line is passed over by a condition.
func (r *Reader) Begin(line []byte) (bool, error) {
	r.line, r.elements, r.next, r.faults = line, r.elements[:0], 0, nil
	if err := r.find.check(line); err != nil {
		return false, &Error{protocol.CodeInvalidJSON, err.Error()}
	}
	for _, c := range r.where {
		if !r.holds(c) {
			return false, nil
		}
	}
	if r.each == nil {
		r.elements = append(r.elements, r.line)
		return true, nil
	}
	r.expand(r.line, r.each.steps)
	if r.newestFirst {
		slices.Reverse(r.elements)
	}
	return true, nil
}

// expand collects the elements at the end of steps, and what is wrong on the way.
func (r *Reader) expand(v jsontext.Value, steps []step) {
	n := slices.IndexFunc(steps, func(s step) bool { return s.kind == '*' })
	found := r.find.find(v, steps[:n])
	switch {
	case absent(found):
		r.faults = append(r.faults, missing("--each", *r.each, found))
	case found.Kind() != '[':
		r.faults = append(r.faults, invalid("--each: %s: expected an array, not %s", r.each.text, shorten(found)))
	case n == len(steps)-1:
		r.elements = append(r.elements, r.find.elements(found)...)
	default:
		for _, e := range r.find.elements(found) {
			r.expand(e, steps[n+1:])
		}
	}
}

// Next returns the next price of the line, or what is wrong with it. It returns io.EOF behind the
// last one.
func (r *Reader) Next() (Price, error) {
	if len(r.faults) > 0 {
		err := r.faults[0]
		r.faults = r.faults[1:]
		return Price{}, err
	}
	if r.next == len(r.elements) {
		return Price{}, io.EOF
	}
	e := r.elements[r.next]
	r.next++
	p, err := r.read(e)
	if fault, ok := errors.AsType[*Error](err); ok && r.each != nil {
		n := r.next
		if r.newestFirst {
			n = len(r.elements) + 1 - n
		}
		fault.Message += fmt.Sprintf(" (element %d)", n)
	}
	return p, err
}

func (r *Reader) read(e jsontext.Value) (p Price, err error) {
	if p.Instrument, err = field(r, "instrument", r.instrument, e, r.instrumentOf); err != nil {
		return p, err
	}
	if p.Price, err = field(r, "price", r.price, e, priceOf); err != nil {
		return p, err
	}
	if r.ts == nil {
		p.TS = time.Now().UnixMilli()
	} else if p.TS, err = field(r, "ts", *r.ts, e, r.tsOf); err != nil {
		return p, err
	}
	if r.data != nil {
		if v := r.at(*r.data, e); !absent(v) {
			p.Data, err = field(r, "data", *r.data, e, dataOf)
		}
		return p, err
	}
	for _, m := range r.members {
		v := r.at(m.source, e)
		if v == nil {
			continue
		}
		if m.number && v.Kind() == '"' {
			text := textOf(v)
			if !protocol.ValidNumber(text) {
				return p, invalid("data.%s: %s: expected a number, not %s", m.key, m.text, shorten(v))
			}
			v = jsontext.Value(text)
		}
		p.Data = append(p.Data, ',')
		p.Data, _ = jsontext.AppendQuote(p.Data, m.key)
		p.Data = append(append(p.Data, ':'), v...)
	}
	if p.Data != nil {
		p.Data[0] = '{'
		p.Data = append(p.Data, '}')
	}
	return p, nil
}

// at returns the value of a source in an element of the line, or nil.
func (r *Reader) at(s source, e jsontext.Value) jsontext.Value {
	switch {
	case s.constant != nil:
		return s.constant
	case s.whole:
		e = r.line
	}
	return r.find.find(e, s.steps)
}

func (r *Reader) holds(c condition) bool {
	v := r.find.find(r.line, c.steps)
	switch {
	case c.want == nil:
		return !absent(v)
	case v == nil:
		return false
	case v.Kind() == '"' && c.want.Kind() == '"':
		return isText(v, textOf(c.want))
	}
	return bytes.Equal(v, c.want)
}

func absent(v jsontext.Value) bool { return v == nil || v.Kind() == 'n' }

// field finds a field and reads it with parse.
func field[T any](r *Reader, name string, s source, e jsontext.Value, parse func(jsontext.Value) (T, error)) (T, error) {
	v := r.at(s, e)
	if absent(v) {
		var none T
		return none, missing(name, s.path, v)
	}
	got, err := parse(v)
	if err == nil {
		return got, nil
	}
	fault, ok := errors.AsType[*Error](err)
	if !ok {
		fault = &Error{protocol.CodeInvalidEvent, err.Error()}
	}
	fault.Message = name + ": " + s.text + ": " + fault.Message
	return got, fault
}

func missing(name string, p path, v jsontext.Value) error {
	if v != nil {
		return invalid("%s: %s is null", name, p.text)
	}
	return invalid("%s: %s is missing", name, p.text)
}

func invalid(format string, args ...any) error {
	return &Error{protocol.CodeInvalidEvent, fmt.Sprintf(format, args...)}
}

func (r *Reader) instrumentOf(v jsontext.Value) (string, error) {
	if v.Kind() != '"' {
		return "", fmt.Errorf("expected a string, not %s", shorten(v))
	}
	name := r.prefix + textOf(v)
	if fault := protocol.RoomFault(name); fault != "" {
		return "", &Error{protocol.CodeInvalidRoom, fmt.Sprintf("%s, not %q", fault, shorten(name))}
	}
	return name, nil
}

// priceOf keeps the text of the number, whether it stands in quotes or not.
func priceOf(v jsontext.Value) (json.Number, error) {
	text := string(v)
	if v.Kind() == '"' {
		text = textOf(v)
	}
	switch {
	case !protocol.ValidNumber(text):
		return "", fmt.Errorf("expected a number, not %s", shorten(v))
	case len(text) > protocol.MaxPriceLength:
		return "", fmt.Errorf("must have at most %d characters, has %d", protocol.MaxPriceLength, len(text))
	}
	if fault := protocol.PriceFault(text); fault != "" {
		return "", fmt.Errorf("%s, not %s", fault, text)
	}
	return json.Number(text), nil
}

func (r *Reader) tsOf(v jsontext.Value) (int64, error) {
	text := string(v)
	if v.Kind() == '"' {
		text = textOf(v)
	}
	n, err := millis(text, r.power)
	if err != nil {
		return 0, fmt.Errorf("%w, not %s", err, shorten(v))
	}
	return n, nil
}

func dataOf(v jsontext.Value) (json.RawMessage, error) {
	if v.Kind() != '{' {
		return nil, fmt.Errorf("expected an object, not %s", shorten(v))
	}
	return json.RawMessage(v.Clone()), nil
}
