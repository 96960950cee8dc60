package publish

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"backbone/client"
	"backbone/protocol"
)

// lineError is a line of the input that was not sent.
type lineError struct {
	line    int
	code    protocol.Code
	message string
}

func (e *lineError) Error() string {
	return fmt.Sprintf("line %d: %s: %s", e.line, e.code, e.message)
}

// source is where events come from.
type source interface {
	// next returns the next event. The error is io.EOF at the end, a *lineError for a line
	// that is not an event (the next call goes on after it), or an error of reading.
	next() (client.PriceUpdate, error)
	// at says where the last event is from.
	at() position
}

// position is where an event is from.
type position struct {
	line     int       // read last
	passed   int       // lines that were passed over so far: by --where, or of a recording and no price
	bytes    int64     // read so far, in this round
	received time.Time // when it was recorded; zero if that is not known
	round    int       // of --loop
}

// lineReader reads lines, whose length is bounded.
type lineReader struct {
	lines *bufio.Reader
	line  int // number of the line read last, from 1
	bytes int64
}

func newLineReader(r io.Reader, longest int) lineReader {
	return lineReader{lines: bufio.NewReaderSize(r, longest)}
}

// eventReader reads events, one JSON object a line. Blank lines are left out.
// Those of a recording are taken out of it.
type eventReader struct {
	lineReader
	received time.Time // of the line read last; zero if it is of no recording
	recorded bool      // that line is of a recording
	passed   int
}

func newEventReader(r io.Reader) *eventReader {
	return &eventReader{lineReader: newLineReader(r, protocol.MaxMessageBytes)}
}

func (r *eventReader) next() (client.PriceUpdate, error) {
	for {
		text, err := r.readText()
		if err != nil {
			return client.PriceUpdate{}, err
		}
		if event, is := r.unwrap(bytes.TrimSpace(text)); is {
			return r.parse(event)
		}
		r.passed++
	}
}

func (r *eventReader) at() position {
	return position{line: r.line, passed: r.passed, bytes: r.bytes, received: r.received}
}

// readText returns the next line that is not blank, valid until the next call.
func (r *lineReader) readText() ([]byte, error) {
	if r.line == 0 {
		if err := r.mark(); err != nil {
			return nil, err
		}
	}
	for {
		text, err := r.readLine()
		if err != nil || len(bytes.TrimSpace(text)) > 0 {
			return text, err
		}
	}
}

// errUTF16 is an input in the encoding that PowerShell and some editors of Windows write.
var errUTF16 = errors.New("the input is UTF-16: write it as UTF-8, or send it through iconv -f UTF-16 -t UTF-8")

// mark leaves out a byte order mark at the beginning of the input.
func (r *lineReader) mark() error {
	first, _ := r.lines.Peek(2) // what is shorter has no mark; an error comes again
	if len(first) == 2 && (first[0] == 0xff && first[1] == 0xfe || first[0] == 0xfe && first[1] == 0xff || (first[0] == 0) != (first[1] == 0)) {
		return errUTF16
	}
	if len(first) == 2 && first[0] == 0xef {
		if mark, _ := r.lines.Peek(3); string(mark) == "\ufeff" {
			_, _ = r.lines.Discard(3) // they were seen
		}
	}
	return nil
}

// readLine returns a line, valid until the next call.
func (r *lineReader) readLine() ([]byte, error) {
	text, err := r.lines.ReadSlice('\n')
	r.bytes += int64(len(text))
	if len(text) > 0 {
		r.line++
	}
	switch {
	case errors.Is(err, io.EOF) && len(text) > 0: // the last line lacks its end
		return text, nil
	case errors.Is(err, bufio.ErrBufferFull):
		for errors.Is(err, bufio.ErrBufferFull) {
			text, err = r.lines.ReadSlice('\n')
			r.bytes += int64(len(text))
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		return nil, r.wrong(protocol.CodeInvalidEvent, "the line is longer than %d bytes", r.lines.Size())
	}
	return text, err
}

// parse reads a line as strictly as a server does. What the SDK checks is left to it.
func (r *eventReader) parse(text []byte) (client.PriceUpdate, error) {
	var u client.PriceUpdate
	d := jsontext.NewDecoder(bytes.NewReader(text), jsontext.AllowDuplicateNames(true)) // in data they are allowed
	if begin, err := d.ReadToken(); err != nil || begin.Kind() != '{' {
		return u, r.wrong(protocol.CodeInvalidJSON, `expected an object like {"type":"price_update","instrument":"BTC_USDT","price":60214.3,"ts":1710000000}`)
	}
	seen := map[string]bool{}
	for d.PeekKind() == '"' {
		token, err := d.ReadToken()
		if err != nil {
			return u, r.notJSON(err)
		}
		key := token.String()
		if seen[key] {
			return u, r.wrong(protocol.CodeInvalidJSON, "%s: appears more than once", key)
		}
		value, err := d.ReadValue()
		if err != nil {
			return u, r.notJSON(err)
		}
		seen[key] = true
		if err := r.set(&u, key, value); err != nil {
			return u, err
		}
	}
	if _, err := d.ReadToken(); err != nil {
		return u, r.notJSON(err)
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return u, r.wrong(protocol.CodeInvalidJSON, "expected nothing behind the object")
	}
	for _, key := range []string{"type", "instrument", "price", "ts"} {
		if !seen[key] {
			return u, r.wrong(protocol.CodeInvalidEvent, "%s: missing", key)
		}
	}
	return u, nil
}

func (r *eventReader) set(u *client.PriceUpdate, key string, value jsontext.Value) error {
	kind := value.Kind()
	switch key {
	case "type":
		var t string
		if kind != '"' || json.Unmarshal(value, &t) != nil || t != protocol.TypePriceUpdate {
			return r.wrong(protocol.CodeUnknownType, "type: expected %q, not %s", protocol.TypePriceUpdate, value)
		}
	case "instrument":
		if kind != '"' || json.Unmarshal(value, &u.Instrument) != nil {
			return r.wrong(protocol.CodeInvalidEvent, "instrument: expected a string, not %s", value)
		}
	case "price":
		if kind != '0' {
			return r.wrong(protocol.CodeInvalidEvent, "price: expected a number, not %s", value)
		}
		u.Price = client.Price(value) // the text as it was written
	case "ts":
		if kind != '0' || json.Unmarshal(value, &u.TS) != nil {
			return r.wrong(protocol.CodeInvalidEvent, "ts: expected an integer from 0 to 2^63-1, not %s", value)
		}
	case "id":
		if kind != '"' {
			return r.wrong(protocol.CodeInvalidEvent, "id: expected a string, not %s", value)
		}
	case "data":
		if kind != '{' {
			return r.wrong(protocol.CodeInvalidEvent, "data: expected an object, not %s", value)
		}
		u.Data = json.RawMessage(bytes.Clone(value))
	default:
		if r.recorded && slices.Contains(ofRecording, key) {
			return nil
		}
		return r.wrong(protocol.CodeUnknownField, "%s: expected type, instrument, price, ts, data or id", key)
	}
	return nil
}

// notJSON words an error of the JSON library as a server does, without the library's name.
func (r *eventReader) notJSON(err error) error {
	return r.wrong(protocol.CodeInvalidJSON, "not valid JSON: %s", strings.TrimPrefix(err.Error(), "jsontext: "))
}

func (r *lineReader) wrong(code protocol.Code, format string, args ...any) error {
	return &lineError{r.line, code, fmt.Sprintf(format, args...)}
}
