package mapping

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"backbone/internal/config"
	"backbone/protocol"
)

// Table makes objects of the lines of CSV, whose keys are the columns. A record is one line, so a
// quote that is not closed costs only its own. It is for one goroutine.
type Table struct {
	line    bytes.Reader // what records reads
	records *csv.Reader
	columns []string // those that nothing names are empty
	object  []byte
}

// NewTable returns a table with a separator between the fields of a line.
func NewTable(separator rune) *Table {
	t := &Table{}
	t.records = csv.NewReader(&t.line)
	t.records.Comma = separator
	t.records.FieldsPerRecord = -1
	t.records.ReuseRecord = true
	return t
}

// Header takes the names of the columns. Those that r names must be there, each once.
func (t *Table) Header(line []byte, r *Reader) error {
	names, err := t.record(line)
	if err != nil {
		return config.Errorf("csv", "the header: %v", err)
	}
	for _, name := range names {
		t.columns = append(t.columns, strings.TrimSpace(name))
	}
	named, all := r.columns()
	if all {
		named = append(named, slices.DeleteFunc(slices.Clone(t.columns), func(s string) bool { return s == "" })...)
	}
	for _, name := range named {
		switch n := count(t.columns, name); {
		case n == 0:
			return config.Errorf("map", "and --where name the column %q, which is not in the header: %s", name, shorten(strings.Join(t.columns, ", ")))
		case n > 1:
			return config.Errorf("csv", "the header has the column %q %d times: rename all but one", name, n)
		}
	}
	if all {
		return nil
	}
	for i, name := range t.columns {
		if !slices.Contains(named, name) {
			t.columns[i] = ""
		}
	}
	return nil
}

// columns lists what the paths name; all is true if one is the whole line.
func (r *Reader) columns() (named []string, all bool) {
	sources := []source{r.instrument, r.price}
	for _, s := range []*source{r.ts, r.data} {
		if s != nil {
			sources = append(sources, *s)
		}
	}
	for _, m := range r.members {
		sources = append(sources, m.source)
	}
	for _, c := range r.where {
		sources = append(sources, source{path: c.path})
	}
	for _, s := range sources {
		switch {
		case s.constant != nil:
		case len(s.steps) == 0:
			all = true
		default:
			named = append(named, s.steps[0].key)
		}
	}
	return named, all
}

// Object returns a line as an object of strings, valid until the next call. Empty fields are left out.
func (t *Table) Object(line []byte) ([]byte, error) {
	fields, err := t.record(line)
	if err != nil {
		return nil, err
	}
	if len(fields) != len(t.columns) {
		return nil, invalid("expected %d fields, as the header has, not %d", len(t.columns), len(fields))
	}
	t.object = append(t.object[:0], '{')
	for i, text := range fields {
		text = strings.TrimSpace(text)
		if t.columns[i] == "" || text == "" {
			continue
		}
		if len(t.object) > 1 {
			t.object = append(t.object, ',')
		}
		for _, part := range []string{t.columns[i], text} {
			t.object, err = jsontext.AppendQuote(t.object, part)
			if err != nil {
				return nil, &Error{protocol.CodeInvalidJSON, "the field " + strconv.Itoa(i+1) + " is not UTF-8"}
			}
			t.object = append(t.object, ':')
		}
		t.object = t.object[:len(t.object)-1]
	}
	return append(t.object, '}'), nil
}

// record returns the fields of a line, valid until the next call.
func (t *Table) record(line []byte) ([]string, error) {
	t.line.Reset(line)
	fields, err := t.records.Read()
	if wrong, ok := errors.AsType[*csv.ParseError](err); ok {
		err = wrong.Err
	}
	switch {
	case errors.Is(err, csv.ErrQuote):
		return nil, invalid(`a quote is not closed on its line, or something stands behind it`)
	case errors.Is(err, csv.ErrBareQuote):
		return nil, invalid(`a quote stands inside of a field without quotes`)
	case errors.Is(err, io.EOF):
		return nil, invalid("the line holds nothing")
	}
	return fields, err
}

func count(names []string, name string) (n int) {
	for _, s := range names {
		if s == name {
			n++
		}
	}
	return n
}
