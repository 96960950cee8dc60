// Package mapping reads prices out of lines of another shape: JSON of any kind, or CSV. Paths name
// where in a line the fields of a price are. The text of a price and of what goes into data stays as
// it was: nothing is computed.
package mapping

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"backbone/internal/config"
	"backbone/protocol"
)

// Spec is what an operator says about the lines. The names are those of the flags.
type Spec struct {
	Map         string   // as in instrument=.s,price=.p,ts=.T,data.size=.q,data.source="x"
	Each        string   // the path of an array, of which each element is a price; empty: the line is
	Where       []string // paths that must be in a line, or path=value
	NewestFirst bool     // such an array is taken from its end
	Prefix      string   // of instruments
	Unit        string   // of ts: s, ms, us or ns
	CSV         bool     // the map names columns
}

// source is where a field comes from: a path, or a constant.
type source struct {
	path
	constant jsontext.Value
	number   bool // a string there holds a number, which goes into data without its quotes
}

// member is a key of data and where its value comes from.
type member struct {
	key string
	source
}

// condition is what must be so for a line to be read.
type condition struct {
	path
	want jsontext.Value // nil: anything but null
}

// Reader reads the prices of lines, one after the other. It is for one goroutine.
type Reader struct {
	instrument, price source
	ts, data          *source // nil: not mapped
	members           []member
	each              *path
	where             []condition
	newestFirst       bool
	prefix            string
	power             int // of the unit of ts

	// Of the line that was begun.
	find     finder
	line     jsontext.Value
	elements []jsontext.Value
	next     int     // of elements
	faults   []error // of the line
}

// New checks what an operator says. Its errors name the flag.
func New(s Spec) (*Reader, error) {
	power, ok := units[s.Unit]
	if !ok {
		return nil, config.Errorf("ts-unit", "must be s, ms, us or ns, not %q", s.Unit)
	}
	switch {
	case s.Prefix != "" && protocol.RoomFault(s.Prefix+"A") != "":
		return nil, config.Errorf("prefix", "%s, as part of a name, not %q", protocol.RoomFault(s.Prefix+"A"), s.Prefix)
	case s.CSV && s.Each != "":
		return nil, config.Errorf("each", "and --csv exclude each other: a line of CSV is one price")
	case s.NewestFirst && s.Each == "":
		return nil, config.Errorf("newest-first", "needs --each")
	}
	r := &Reader{newestFirst: s.NewestFirst, prefix: s.Prefix, power: power}
	if s.Each != "" {
		if err := r.parseEach(s.Each); err != nil {
			return nil, config.Errorf("each", "%v", err)
		}
	}
	for _, w := range s.Where {
		if err := r.parseWhere(w, s.CSV); err != nil {
			return nil, config.Errorf("where", "%v", err)
		}
	}
	if err := r.parseMap(s.Map, s.CSV); err != nil {
		return nil, config.Errorf("map", "%v", err)
	}
	return r, nil
}

func (r *Reader) parseEach(text string) error {
	sc := scan(text)
	p, err := sc.path(true)
	if err == nil && sc.rest != "" {
		err = sc.expected("the end of the path")
	}
	if err != nil {
		return err
	}
	if n := len(p.steps); n == 0 || p.steps[n-1].kind != '*' {
		p.steps = append(p.steps, step{kind: '*'})
	}
	r.each = &p
	return nil
}

func (r *Reader) parseWhere(text string, csv bool) error {
	sc := scan(text)
	p, err := sc.reference(csv, false)
	if err != nil {
		return err
	}
	c := condition{path: p}
	if sc.eat("=") {
		if c.want, err = sc.constant(); err != nil {
			return err
		}
	}
	if sc.rest != "" {
		return sc.expected(`the end, or ="value" in the quotes of JSON`)
	}
	r.where = append(r.where, c)
	return nil
}

func (r *Reader) parseMap(text string, csv bool) error {
	sc := scan(text)
	var seen []string
	for more := true; more; more = sc.eat(",") {
		name, key, err := sc.target()
		switch {
		case err != nil:
			return err
		case slices.Contains(seen, name):
			return fmt.Errorf("has %s twice", name)
		}
		seen = append(seen, name)
		from, err := sc.source(csv)
		if err == nil && from.number && !strings.HasPrefix(name, "data.") {
			err = errors.New("number() is only for data.KEY: a price and a time may have quotes")
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		switch name {
		case "instrument":
			r.instrument = from
		case "price":
			r.price = from
		case "ts":
			r.ts = &from
		case "data":
			r.data = &from
		default:
			r.members = append(r.members, member{key, from})
		}
	}
	if sc.rest != "" {
		return sc.expected("a comma or the end")
	}
	for _, name := range []string{"instrument", "price"} {
		if !slices.Contains(seen, name) {
			return fmt.Errorf("must name %s, as in instrument=.s,price=.p", name)
		}
	}
	if r.data != nil && r.members != nil {
		return errors.New("must have data= or data.KEY=, not both")
	}
	return r.checkConstants()
}

// checkConstants finds what would be wrong in every line.
func (r *Reader) checkConstants() error {
	if err := constant(r.instrument, "instrument", r.instrumentOf); err != nil {
		return err
	}
	if err := constant(r.price, "price", priceOf); err != nil {
		return err
	}
	if r.ts != nil {
		if err := constant(*r.ts, "ts", r.tsOf); err != nil {
			return err
		}
	}
	if r.data != nil {
		return constant(*r.data, "data", dataOf)
	}
	return nil
}

// constant checks the constant of a field, if it has one.
func constant[T any](s source, name string, parse func(jsontext.Value) (T, error)) error {
	if s.constant == nil {
		return nil
	}
	_, err := parse(s.constant)
	if fault, ok := errors.AsType[*Error](err); ok {
		err = errors.New(fault.Message)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// Price is a price of a line. It keeps no part of the line.
type Price struct {
	Instrument string
	Price      json.Number
	TS         int64           // milliseconds since 1970
	Data       json.RawMessage // an object, or nil
}
