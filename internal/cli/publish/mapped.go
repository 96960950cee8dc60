package publish

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"backbone/client"
	"backbone/internal/config"
	"backbone/internal/mapping"
)

// foreign are the flags for lines of another shape.
type foreign struct {
	Map         string   `placeholder:"FIELD=PATH,..." help:"Read lines of another shape, as in 'instrument=.s,price=.p,ts=.T': instrument and price, if given ts, and data or data.KEY (number(.q) takes a number out of its quotes), each from a path like .a.b[0], or a text like \"BTC\". $.a is from the line and not from an element of --each."`
	Each        string   `placeholder:"PATH" help:"Lines hold arrays, as .data, and each element is a price. Those of a list of arrays by .events[].trades."`
	NewestFirst bool     `help:"The arrays of --each begin with the newest: publish them from the end."`
	Where       []string `sep:"none" placeholder:"PATH[=VALUE]" help:"Pass over lines that lack the path, or have another value there, as in '.e=\"trade\"'. It can be repeated; then all must hold."`
	Prefix      string   `placeholder:"TEXT" empty:"flag" help:"Put a text in front of each instrument."`
	TSUnit      string   `name:"ts-unit" enum:"s,ms,us,ns" default:"ms" help:"Unit of ts in the lines: ${enum}. With --map it is published in milliseconds, and texts like 2026-01-02T03:04:05Z need none. With --replay it is the unit of any line."`
	CSV         bool     `name:"csv" help:"Lines are CSV, and --map and --where name columns: instrument=symbol,price=last. The first line is the header."`
	Columns     string   `placeholder:"NAMES" help:"The header of a CSV without one, separated like its lines."`
	Separator   string   `default:"," placeholder:"CHARACTER" help:"What separates the fields of CSV, such as ; or tab."`
}

// check says which flags cannot be together. one is an event in flags; with replay, ts has a unit in
// any line.
func (f *foreign) check(one, replay bool) error {
	if f.Map != "" {
		if one {
			return config.Errorf("map", "and an event in flags exclude each other: leave one out")
		}
		_, err := newMappedReader(lineReader{}, f)
		return err
	}
	for _, flag := range []struct {
		name  string
		given bool
	}{
		{"each", f.Each != ""},
		{"newest-first", f.NewestFirst},
		{"where", f.Where != nil},
		{"prefix", f.Prefix != ""},
		{"ts-unit", f.TSUnit != "" && f.TSUnit != "ms" && !replay},
		{"csv", f.CSV},
		{"columns", f.Columns != ""},
		{"separator", f.Separator != "" && f.Separator != ","},
	} {
		if flag.given {
			return config.Errorf(flag.name, "needs --map, as in --map instrument=.s,price=.p,ts=.T")
		}
	}
	return nil
}

// separator is the one of CSV.
func (f *foreign) separator() (rune, error) {
	text := f.Separator
	if text == "tab" || text == `\t` {
		text = "\t"
	}
	r, size := utf8.DecodeRuneInString(text)
	if size == 0 || size < len(text) || r == utf8.RuneError || strings.ContainsRune("\"\r\n", r) {
		return 0, config.Errorf("separator", "must be one character, or tab, not %q", f.Separator)
	}
	return r, nil
}

// maxLine bounds a line of another shape. A batch of all that an exchange trades has some 100 KB.
const maxLine = 1 << 20

// mappedReader reads events out of lines of another shape.
type mappedReader struct {
	lineReader
	prices *mapping.Reader
	table  *mapping.Table // nil: JSON
	headed bool           // the table has its header
	begun  bool           // a line, whose prices are read
	passed int
}

func newMappedReader(lines lineReader, f *foreign) (*mappedReader, error) {
	switch {
	case f.Separator != "," && !f.CSV:
		return nil, config.Errorf("separator", "needs --csv")
	case f.Columns != "" && !f.CSV:
		return nil, config.Errorf("columns", "needs --csv")
	}
	prices, err := mapping.New(mapping.Spec{
		Map: f.Map, Each: f.Each, Where: f.Where, NewestFirst: f.NewestFirst, Prefix: f.Prefix, Unit: f.TSUnit, CSV: f.CSV,
	})
	if err != nil {
		return nil, err
	}
	m := &mappedReader{lineReader: lines, prices: prices}
	if f.CSV {
		separator, err := f.separator()
		if err != nil {
			return nil, err
		}
		m.table = mapping.NewTable(separator)
		if f.Columns != "" {
			m.headed = true
			return m, m.table.Header([]byte(f.Columns), prices)
		}
	}
	return m, nil
}

func (r *mappedReader) at() position {
	return position{line: r.line, passed: r.passed, bytes: r.bytes}
}

func (r *mappedReader) next() (client.PriceUpdate, error) {
	for {
		for !r.begun {
			if err := r.begin(); err != nil {
				return client.PriceUpdate{}, err
			}
		}
		price, err := r.prices.Next()
		switch {
		case errors.Is(err, io.EOF):
			r.begun = false
		case err != nil:
			return client.PriceUpdate{}, r.fault(err)
		default:
			return client.PriceUpdate{Instrument: price.Instrument, Price: client.Price(price.Price), TS: price.TS, Data: price.Data}, nil
		}
	}
}

// begin reads a line. Afterwards it has begun, unless it is a header or passed over.
func (r *mappedReader) begin() error {
	text, err := r.readText()
	if err != nil {
		return err
	}
	if r.table == nil {
		text = bytes.TrimSpace(text)
	} else {
		if !r.headed {
			r.headed = true
			return r.table.Header(text, r.prices)
		}
		if text, err = r.table.Object(text); err != nil {
			return r.fault(err)
		}
	}
	r.begun, err = r.prices.Begin(text)
	if err != nil {
		return r.fault(err)
	}
	if !r.begun {
		r.passed++
	}
	return nil
}

// fault puts the number of the line to what is wrong in it.
func (r *mappedReader) fault(err error) error {
	if f, ok := errors.AsType[*mapping.Error](err); ok {
		return r.wrong(f.Code, "%s", f.Message)
	}
	return err
}
