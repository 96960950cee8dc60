package common

import (
	"bytes"
	"strings"

	"backbone/protocol"
)

// broken calls each for the elements of a message that is an array but not JSON, because a few
// of its elements are not. wrong is what is wrong with the message, at byte at. Where the ends of
// the elements are uncertain, each is not called, and the error tells how far the array is good.
func (d *Decoder) broken(msg []byte, wrong error, at int, each func(index int, obj *Object, err error) (more bool)) error {
	begin := bytes.IndexByte(msg, '[')
	if begin < 0 || len(blanks(msg[:begin])) > 0 {
		return wrong
	}
	list, sure := cut(msg, begin)
	if !sure {
		return followed(wrong, list, at)
	}
	for index, e := range list {
		if !each(index, &d.obj, d.element(msg, e)) {
			break
		}
	}
	return nil
}

// element decodes one element into d.obj.
func (d *Decoder) element(msg []byte, e span) error {
	d.obj.reset(nil)
	if e.begin == e.end {
		d.obj.fail(Errorf(protocol.CodeInvalidJSON, "not valid JSON: an element is missing, at byte %d", e.begin))
		return d.obj.err
	}
	text, _, err := d.check(msg[:e.end], e.begin)
	switch {
	case err != nil:
		d.obj.fail(err)
	case text[0] == '{':
		d.obj.read(text, 0)
	default:
		d.obj.fail(notAnObject(text))
	}
	return d.obj.err
}

// followed adds to an error at byte at the index of the last element before it.
func followed(wrong error, list []span, at int) error {
	good := 0
	for good < len(list) && list[good].end <= at {
		good++
	}
	e := wrong.(*RequestError) //nolint:errorlint,forcetypeassert // of check
	if good == 0 {
		return Errorf(e.Code, "%s, in the first element of the array", e.Message)
	}
	return Errorf(e.Code, "%s; the last good element has index %d", e.Message, good-1)
}

// span is the place of an element in a message, without the blanks around it.
type span struct{ begin, end int }

func (s span) len() int { return s.end - s.begin }

// cut finds the elements of the array that begins at begin, whatever is in them. It goes by
// strings, brackets and commas. sure is false if one of them is not where JSON has it, and then
// the list holds the elements before.
func cut(msg []byte, begin int) (list []span, sure bool) {
	var open []byte // the brackets that have to close
	start := begin + 1
	for i := start; i < len(msg); i++ {
		follow := ""
		switch c := msg[i]; {
		case c == '"':
			if i = stringEnd(msg, i); i < 0 {
				return list, false
			}
			follow = ",:]}"
		case c == '[' || c == '{':
			open = append(open, c+2) // in ASCII that closes it
		case len(open) == 0 && (c == ',' || c == ']'):
			list = append(list, trim(msg, start, i))
			start = i + 1
			if c == ']' {
				return list, len(blanks(msg[start:])) == 0
			}
		case c == ']' || c == '}':
			if len(open) == 0 || open[len(open)-1] != c {
				return list, false
			}
			open = open[:len(open)-1]
			follow = ",]}"
		}
		if follow == "" {
			continue
		}
		rest := blanks(msg[i+1:])
		if len(rest) == 0 && len(open) == 0 {
			list = append(list, trim(msg, start, i+1)) // it is whole, only the array is not
		}
		if len(rest) == 0 || !strings.Contains(follow, string(rest[:1])) {
			return list, false
		}
	}
	return list, false
}

// stringEnd returns the place of the quote that ends the string at i, -1 if there is none.
func stringEnd(msg []byte, i int) int {
	for i++; i < len(msg); i++ {
		switch msg[i] {
		case '"':
			return i
		case '\\':
			i++
		}
	}
	return -1
}

func trim(msg []byte, begin, end int) span {
	begin = end - len(blanks(msg[begin:end]))
	return span{begin, begin + len(bytes.TrimRight(msg[begin:end], space))}
}

const space = " \t\r\n"

// blanks returns b without the blanks that it begins with.
func blanks(b []byte) []byte { return bytes.TrimLeft(b, space) }
