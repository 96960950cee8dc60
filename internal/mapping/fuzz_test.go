package mapping

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"backbone/internal/config"
	"backbone/protocol"
)

// Whatever an operator writes is refused with an error that names the flag, or can be read with.
func FuzzMap(f *testing.F) {
	for _, s := range []string{plain, `instrument="A",price=.a.b[0],ts=$.T,data."x y"=.q`, `instrument=.[0],price=.[-1][2],data.n=number(.p)`, `price=.,instrument=$`, `instrument=."a`, `data.=1`} {
		f.Add(s, ".d[].e", `.x="y"`, []byte(`{"s":"A","p":1.50,"T":7,"d":[{"e":[{"p":2}]}],"x":"y"}`))
	}
	f.Add(plain, "", ".", []byte(`[[1,2],{"a":[]}]`))
	f.Add(`instrument=s,price="1",data.n=number(p (x))`, "csv", "s", []byte(`a;"b ""c";`))
	f.Fuzz(func(t *testing.T, fields, each, where string, line []byte) {
		spec := Spec{Map: fields, Where: []string{where}, Unit: "us", Prefix: "x:"}
		if each == "csv" {
			spec.CSV = true
		} else {
			spec.Each = each
		}
		r, err := New(spec)
		if err != nil {
			if !errors.As(err, new(*config.Error)) || strings.Contains(err.Error(), "jsontext") {
				t.Errorf("%+v: %v", spec, err)
			}
			return
		}
		if spec.CSV {
			table := NewTable(';')
			if table.Header([]byte("s;p;x"), r) != nil {
				return
			}
			if line, err = table.Object(line); err != nil {
				return
			}
			if !jsontext.Value(line).IsValid() {
				t.Errorf("%s is no object", line)
			}
		}
		begun, err := r.Begin(line)
		for n := 0; begun && n < 1000; n++ {
			var p Price
			if p, err = r.Next(); errors.Is(err, io.EOF) {
				return
			}
			if err == nil && (!protocol.ValidRoom(p.Instrument) || !protocol.ValidNumber(p.Price.String()) || p.TS < 0 ||
				p.Data != nil && (p.Data[0] != '{' || !json.Valid(p.Data))) {
				t.Errorf("%+v of %q is %+v", spec, line, p)
			}
			if err != nil {
				break
			}
		}
		if fault, ok := errors.AsType[*Error](err); err != nil && (!ok || fault.Message == "") {
			t.Errorf("%+v of %q: %v", spec, line, err)
		}
	})
}

// A path finds what a program finds that decodes the whole text, and keeps its digits.
func FuzzPath(f *testing.F) {
	f.Add(`{"a":{"b c":[1.50,{"d":2E-7}]},"é":null}`, "a", "b c", 1, "d")
	f.Add(`[[0.10],[]]`, "", "\\", -2, "\"")
	f.Fuzz(func(t *testing.T, text, key1, key2 string, index int, key3 string) {
		if !utf8.ValidString(key1 + key2 + key3) {
			return
		}
		var find finder
		if find.check([]byte(text)) != nil {
			return
		}
		quote := func(s string) string { b, _ := jsontext.AppendQuote(nil, s); return string(b) }
		written := fmt.Sprintf(`.%s.%s[%d].%s`, quote(key1), quote(key2), index, quote(key3))
		p, err := scan(written).path(false)
		if err != nil {
			t.Fatalf("%s: %v", written, err)
		}
		if p.text != written {
			t.Errorf("%s was read as %s", written, p.text)
		}
		for n := range p.steps {
			var want any
			d := json.NewDecoder(strings.NewReader(text))
			d.UseNumber()
			if d.Decode(&want) != nil {
				return
			}
			there := true
			for _, s := range p.steps[:n+1] {
				switch v := want.(type) {
				case map[string]any:
					want, there = v[s.key]
					there = there && s.kind == '.'
				case []any:
					i := s.index
					if i < 0 {
						i += len(v)
					}
					if there = s.kind == '[' && i >= 0 && i < len(v); there {
						want = v[i]
					}
				default:
					there = false
				}
				if !there {
					break
				}
			}
			got := find.find([]byte(text), p.steps[:n+1])
			if (got != nil) != there {
				t.Fatalf("%s in %s: %s, want it to be there: %v", written, text, got, there)
			}
			if number, ok := want.(json.Number); ok && there && string(got) != number.String() {
				t.Fatalf("%s in %s: %s, want %s", written, text, got, number)
			}
		}
	})
}
