package mapping

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"backbone/internal/config"
	"backbone/protocol"
)

// read returns the prices of a line as text, and what is wrong with it.
func read(t *testing.T, r *Reader, line string) (got []string) {
	t.Helper()
	begun, err := r.Begin([]byte(line))
	if err != nil {
		return []string{err.Error()}
	}
	for begun {
		p, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			return got
		case err != nil:
			if !errors.As(err, new(*Error)) {
				t.Errorf("%s: %v is no fault of the line", line, err)
			}
			got = append(got, err.Error())
		default:
			got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s %d %s", p.Instrument, p.Price, p.TS, p.Data)))
		}
	}
	return append(got, "passed over")
}

func reader(t *testing.T, s Spec) *Reader {
	t.Helper()
	if s.Unit == "" {
		s.Unit = "ms"
	}
	r, err := New(s)
	if err != nil {
		t.Fatalf("%+v: %v", s, err)
	}
	return r
}

func expect(t *testing.T, s Spec, line string, want ...string) {
	t.Helper()
	if got := read(t, reader(t, s), line); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v\nof %s\n got %q\nwant %q", s, shorten(line), got, want)
	}
}

const plain = "instrument=.s,price=.p,ts=.T"

func TestTheTextOfAPriceStays(t *testing.T) {
	for _, price := range []string{"68580.0", "1.58E-4", "9.9e-7", "0.08200000000000000000", "-0.0", "0", "12345678901234567890.123456789", "9007199254740993"} {
		for _, written := range []string{price, `"` + price + `"`, `"` + strings.Replace(price, "0", `\u0030`, 1) + `"`} {
			expect(t, Spec{Map: plain}, `{"s":"A","p":`+written+`,"T":1}`, "A "+price+" 1")
		}
	}
}

func TestPaths(t *testing.T) {
	const line = `{ "a" : {"b":[ 10 , [20, 21] , {"c d":30}], "":40}, "x.y":50, "@v-1":60, "\u00e9":70, "a\"b":80, "p":90, "$":95 }`
	for path, want := range map[string]string{
		`.p`: "90", `$.p`: "90", `.a.b[0]`: "10", `.a.b[1][1]`: "21", `.a.b[-1]."c d"`: "30", `.a.b[-3]`: "10", `$.a.b[0]`: "10",
		`.a.""`: "40", `."x.y"`: "50", `.@v-1`: "60", `.é`: "70", `."a\"b"`: "80", `.$`: "95", `."\u0070"`: "90", ` .p `: "90",
	} {
		expect(t, Spec{Map: `instrument="A",ts=1,price=` + path}, line, "A "+want+" 1")
	}
	for path, why := range map[string]string{
		`.b`: "missing", `.a.b[3]`: "missing", `.a.b[-4]`: "missing", `.a.b.c`: "missing", `.p.q`: "missing", `.a[0]`: "missing", `.p[0]`: "missing",
		`.P`: "missing", `.x.y`: "missing",
	} {
		expect(t, Spec{Map: `instrument="A",ts=1,price=` + path}, line, "invalid_event: price: "+path+" is "+why)
	}
	expect(t, Spec{Map: `instrument=.[0],price=.[1][1],ts=.[-1]`}, `["A",[1,2.50],7]`, "A 2.50 7")
	expect(t, Spec{Map: `instrument="A",ts=1,price=.`}, `2.50`, "A 2.50 1")
	expect(t, Spec{Map: `instrument="A",ts=1,price=$[0]`}, `[2.50]`, "A 2.50 1")
}

func TestAFieldThatIsNotThereIsNamed(t *testing.T) {
	for line, want := range map[string]string{
		`{"p":1,"T":1}`:                      "invalid_event: instrument: .s is missing",
		`{"s":"A","T":1}`:                    "invalid_event: price: .p is missing",
		`{"s":"A","p":1}`:                    "invalid_event: ts: .T is missing",
		`{"s":"A","p":null,"T":1}`:           "invalid_event: price: .p is null",
		`{"s":null,"p":1,"T":1}`:             "invalid_event: instrument: .s is null",
		`{"s":7,"p":1,"T":1}`:                "invalid_event: instrument: .s: expected a string, not 7",
		`{"s":"","p":1,"T":1}`:               `invalid_room: instrument: .s: must not be empty, not ""`,
		`{"s":"A","p":"","T":1}`:             `invalid_event: price: .p: expected a number, not ""`,
		`{"s":"A","p":"NaN","T":1}`:          `invalid_event: price: .p: expected a number, not "NaN"`,
		`{"s":"A","p":"+1","T":1}`:           `invalid_event: price: .p: expected a number, not "+1"`,
		`{"s":"A","p":".5","T":1}`:           `invalid_event: price: .p: expected a number, not ".5"`,
		`{"s":"A","p":"1.","T":1}`:           `invalid_event: price: .p: expected a number, not "1."`,
		`{"s":"A","p":"01","T":1}`:           `invalid_event: price: .p: expected a number, not "01"`,
		`{"s":"A","p":" 1","T":1}`:           `invalid_event: price: .p: expected a number, not " 1"`,
		`{"s":"A","p":"1,5","T":1}`:          `invalid_event: price: .p: expected a number, not "1,5"`,
		`{"s":"A","p":[1],"T":1}`:            `invalid_event: price: .p: expected a number, not [1]`,
		`{"s":"A","p":1e-400,"T":1}`:         `invalid_event: price: .p: must be 0, or at least 1e-308 away from it, not 1e-400`,
		`{"s":"A","p":1,"T":-1}`:             `invalid_event: ts: .T: expected a time since 1970, not -1`,
		`{"s":"A","p":1,"T":"yesterday"}`:    `invalid_event: ts: .T: expected a number, or a time with its zone like 2026-01-02T03:04:05.678Z, not "yesterday"`,
		`{"s":"A","p":1,"T":{}}`:             `invalid_event: ts: .T: expected a number, or a time with its zone like 2026-01-02T03:04:05.678Z, not {}`,
		`{"s":"A","p":NaN,"T":1}`:            "invalid_json: not valid JSON: ",
		`{"s":"A","p":1,"p":2,"T":1}`:        "invalid_json: not valid JSON: ",
		`{"s":"A","p":1,"T":1} {}`:           "invalid_json: expected nothing behind the first value",
		`pong`:                               "invalid_json: not valid JSON: ",
		`{"s":"A","p":1,"T":1`:               "invalid_json: not valid JSON: ",
		"{\"s\":\"\xff\",\"p\":1,\"T\":1}":   "invalid_json: not valid JSON: ",
		`"` + strings.Repeat("x", 100) + `"`: "invalid_event: instrument: .s is missing",
	} {
		got := read(t, reader(t, Spec{Map: plain}), line)
		if len(got) == 1 && strings.HasSuffix(want, ": ") && strings.HasPrefix(got[0], want) && !strings.Contains(got[0], "jsontext") {
			continue // the rest is the library's
		}
		if len(got) != 1 || got[0] != want {
			t.Errorf("%s\n got %q\nwant %q", line, got, want)
		}
	}
	long := strings.Repeat("9", protocol.MaxPriceLength+1)
	expect(t, Spec{Map: plain}, `{"s":"A","p":`+long+`,"T":1}`, "invalid_event: price: .p: must have at most 64 characters, has 65")
	expect(t, Spec{Map: plain}, `{"s":"A","p":"`+strings.Repeat("é", 1000)+`","T":1}`, `invalid_event: price: .p: expected a number, not "`+strings.Repeat("é", 29)+"...")
}

func TestConstantsPrefixAndData(t *testing.T) {
	const line = `{"s":"A","p":1.50,"q":"0.10","n":1.0,"o":{"k":[1.0,null]},"z":null}`
	for fields, want := range map[string]string{
		`data.size=.q`:                                 `{"size":"0.10"}`,
		`data.n=.n,data.none=.none,data.z=.z`:          `{"n":1.0,"z":null}`,
		`data.none=.none`:                              ``,
		`data."a b"=.o.k,data.source="x,y=\""`:         `{"a b":[1.0,null],"source":"x,y=\""}`,
		`data.t=true,data.f=-1.50,data.o={"a":[1, 2]}`: `{"t":true,"f":-1.50,"o":{"a":[1, 2]}}`,
		`data.size=number(.q),data.n=number( .n ),data.none=number(.none),data.z=number(.z)`: `{"size":0.10,"n":1.0,"z":null}`,
		`data=.o`:      `{"k":[1.0,null]}`,
		`data=.none`:   ``,
		`data=.z`:      ``,
		`data=.`:       line,
		`data={"a":1}`: `{"a":1}`,
	} {
		expect(t, Spec{Map: `ts=1, instrument = .s , price=.p, ` + fields, Prefix: "x:"}, line, strings.TrimSpace("x:A 1.50 1 "+want))
	}
	expect(t, Spec{Map: `instrument="BTC",price=1.50,ts="2026-01-02T03:04:05Z",data=.s`}, line, `invalid_event: data: .s: expected an object, not "A"`)
	expect(t, Spec{Map: `instrument="BTC",price=1,ts=1,data.s=number(.s)`}, line, `invalid_event: data.s: .s: expected a number, not "A"`)
	expect(t, Spec{Map: `instrument=.s,price=.p,ts=1`, Prefix: strings.Repeat("x", 127)}, line, strings.Repeat("x", 127)+"A 1.50 1")
	expect(t, Spec{Map: `instrument=.q,price=.p,ts=1`, Prefix: strings.Repeat("x", 127)}, line, `invalid_room: instrument: .q: must have at most 128 bytes, has 131, not "`+strings.Repeat("x", 60)+`..."`)
	expect(t, Spec{Map: `instrument="BTC",price=1.50,ts="2026-01-02T03:04:05Z"`}, line, `BTC 1.50 1767323045000`)
}

func TestWithoutTSItIsNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		expect(t, Spec{Map: "instrument=.s,price=.p"}, `{"s":"A","p":1}`, fmt.Sprint("A 1 ", time.Now().UnixMilli()))
	})
}

func TestEach(t *testing.T) {
	const line = `{"s":"A","T":5,"d":[{"p":1.0},{"x":2},{"p":3.0},4]}`
	s := Spec{Map: "instrument=$.s,price=.p,ts=$.T", Each: ".d"}
	expect(t, s, line, "A 1.0 5", "invalid_event: price: .p is missing (element 2)", "A 3.0 5", "invalid_event: price: .p is missing (element 4)")
	s.NewestFirst = true
	expect(t, s, line, "invalid_event: price: .p is missing (element 4)", "A 3.0 5", "invalid_event: price: .p is missing (element 2)", "A 1.0 5")
	s.NewestFirst = false
	expect(t, s, `{"d":[]}`)
	expect(t, s, `{"s":"A"}`, "invalid_event: --each: .d is missing")
	expect(t, s, `{"d":null}`, "invalid_event: --each: .d is null")
	expect(t, s, `{"d":{"p":1}}`, `invalid_event: --each: .d: expected an array, not {"p":1}`)

	s = Spec{Map: `instrument=$.s,price=.,ts=1`, Each: ".e[].t"}
	expect(t, s, `{"s":"A","e":[{"t":[1,2]},{"u":0},{"t":[3]}]}`, "invalid_event: --each: .e[].t is missing", "A 1 1", "A 2 1", "A 3 1")
	s.Each = ".[]"
	s.Map = `instrument="A",price=.p,ts=1`
	expect(t, s, `[{"p":1},{"p":2}]`, "A 1 1", "A 2 1")
	s.Each = "."
	expect(t, s, `[{"p":1},{"p":2}]`, "A 1 1", "A 2 1")
	s.Each = "$[1][][0]"
	s.Map = `instrument="A",price=.,ts=1`
	expect(t, s, `[0,[[[1,2]],[[3]]]]`, "A 1 1", "A 2 1", "A 3 1")
}

// A line after another has nothing of it.
func TestAReaderBeginsAnew(t *testing.T) {
	r := reader(t, Spec{Map: "instrument=$.s,price=.,ts=1", Each: ".d"})
	for range 2 {
		if ok, err := r.Begin([]byte(`{"s":"A","d":[1,2,3]}`)); !ok || err != nil {
			t.Fatal(ok, err)
		}
		if p, err := r.Next(); p.Price != "1" || err != nil {
			t.Fatal(p, err)
		}
		if got := read(t, r, `{"s":"B","d":[4]}`); !reflect.DeepEqual(got, []string{"B 4 1"}) {
			t.Errorf("%q", got)
		}
		if ok, err := r.Begin([]byte(`{"s":"B"}`)); !ok || err != nil { // what is wrong with it is not asked for
			t.Fatal(ok, err)
		}
	}
}

// The line may be overwritten once its prices are read.
func TestAPriceKeepsNoPartOfTheLine(t *testing.T) {
	for _, data := range []string{"data=.d", "data.a=.d.a"} {
		r := reader(t, Spec{Map: plain + "," + data})
		line := []byte(`{"s":"A","p":"1.0","T":1,"d":{"a":2.50}}`)
		if ok, err := r.Begin(line); !ok || err != nil {
			t.Fatal(ok, err)
		}
		p, err := r.Next()
		for i := range line {
			line[i] = 'x'
		}
		want := Price{Instrument: "A", Price: "1.0", TS: 1, Data: json.RawMessage(`{"a":2.50}`)}
		if err != nil || !reflect.DeepEqual(p, want) {
			t.Errorf("%s: %+v, %v; want %+v", data, p, err, want)
		}
	}
}

func TestWhere(t *testing.T) {
	const line = `{"s":"A","p":1.0,"T":1,"e":"tr\u0061de","n":null,"d":[1]}`
	for where, holds := range map[string]bool{
		`.e="trade"`: true, `.e = "tr\u0061de"`: true, `.e="Trade"`: false, `.e="t"`: false, `.e`: true, `.n`: false, `.n=null`: true, `.x`: false, `.x=null`: false,
		`.p=1.0`: true, `.p=1`: false, `.p="1.0"`: false, `.d[0]=1`: true, `$.T=1`: true, `.d`: true, `.d[1]`: false,
	} {
		want := "A 1.0 1"
		if !holds {
			want = "passed over"
		}
		expect(t, Spec{Map: plain, Where: []string{where}}, line, want)
		expect(t, Spec{Map: plain, Where: []string{".s", where}}, line, want)
		expect(t, Spec{Map: plain, Where: []string{where, ".s"}}, line, want)
	}
	// It decides before --each, so acks are passed over.
	expect(t, Spec{Map: plain, Each: ".data", Where: []string{".data"}}, `{"result":null}`, "passed over")
}

func TestWhatAnOperatorWritesWrongIsNamed(t *testing.T) {
	for _, c := range []struct {
		spec Spec
		want string
	}{
		{Spec{Map: `price=.p`}, "--map must name instrument, as in instrument=.s,price=.p"},
		{Spec{Map: `instrument=.s`}, "--map must name price, as in instrument=.s,price=.p"},
		{Spec{Map: `instrument=.s,price`}, "--map expected = behind price at the end of instrument=.s,price"},
		{Spec{Map: `instrument=.s,price=`}, `--map price: expected a path like .p, or a value of JSON like "BTC" at the end of instrument=.s,price=`},
		{Spec{Map: `instrument=.s,price=p`}, `--map price: expected a path like .p, or a value of JSON like "BTC", not p`},
		{Spec{Map: `instrument=.s,price=.p,`}, `--map expected instrument=, price=, ts=, data= or data.KEY= at the end of instrument=.s,price=.p,`},
		{Spec{Map: `instrument=.s,price=.p ts=.T`}, `--map expected a comma or the end, not ts=.T`},
		{Spec{Map: `instrument=.s,price=.p,size=.q`}, `--map expected instrument=, price=, ts=, data= or data.KEY=, not size=.q`},
		{Spec{Map: `instrument=.s,price=.p,price=.q`}, `--map has price twice`},
		{Spec{Map: `instrument=.s,price=.p,data.a=.q,data."\u0061"=.r`}, `--map has data.a twice`},
		{Spec{Map: `instrument=.s,price=.p,data=.q,data.a=.r`}, `--map must have data= or data.KEY=, not both`},
		{Spec{Map: `instrument=.s,price=.p,data.=.q`}, `--map expected a key, or one in quotes like ."a b", not =.q`},
		{Spec{Map: `instrument=.s,price=.p,data.a.b=.q`}, `--map expected = behind data.a, not .b=.q`},
		{Spec{Map: `instrument=.s,price=.p[`}, `--map price: expected a whole number and ] at the end of instrument=.s,price=.p[`},
		{Spec{Map: `instrument=.s,price=.p[x]`}, `--map price: expected a whole number and ], not x]`},
		{Spec{Map: `instrument=.s,price=.p[+1]`}, `--map price: expected a whole number and ], not +1]`},
		{Spec{Map: `instrument=.s,price=.p[]`}, `--map price: expected a whole number and ], not ]`},
		{Spec{Map: `instrument=.s,price=.p[99999999999999999999]`}, `--map price: expected a whole number and ], not 99999999999999999999]`},
		{Spec{Map: `instrument=.s,price=.a..b`}, `--map price: expected a key, or one in quotes like ."a b", not .b`},
		{Spec{Map: `instrument=.s,price=."a`}, `--map price: expected a value of JSON like "BTC", not "a`},
		{Spec{Map: `instrument="A B  C",price=.p`}, `--map instrument: must not have two blanks in a row, not "A B  C"`},
		{Spec{Map: `instrument=1,price=.p`}, `--map instrument: expected a string, not 1`},
		{Spec{Map: `instrument=.s,price="x"`}, `--map price: expected a number, not "x"`},
		{Spec{Map: `instrument=.s,price=.p,ts=-1`}, `--map ts: expected a time since 1970, not -1`},
		{Spec{Map: `instrument=.s,price=number(.p)`}, `--map price: number() is only for data.KEY: a price and a time may have quotes`},
		{Spec{Map: `instrument=.s,price=.p,data.a=number(.q`}, `--map data.a: expected a closing ) at the end of instrument=.s,price=.p,data.a=number(.q`},
		{Spec{Map: `instrument=.s,price=.p,data.a=number("1")`}, `--map data.a: expected a path like .p, not "1")`},
		{Spec{Map: `instrument=s,price=p,data.a=number(q`, CSV: true}, `--map data.a: expected a closing ) behind the name of a column, not q`},
		{Spec{Map: `instrument=s,price=p,data.a=number(),ts=T`, CSV: true}, `--map data.a: expected the name of a column, or one in quotes like ."a,b", not ),ts=T`},
		{Spec{Map: `instrument=.s,price=.p,data=1`}, `--map data: expected an object, not 1`},
		{Spec{Map: plain, Each: "data"}, "--each expected a path like .p, not data"},
		{Spec{Map: plain, Each: ".data,"}, "--each expected the end of the path, not ,"},
		{Spec{Map: plain, Where: []string{"e"}}, "--where expected a path like .p, not e"},
		{Spec{Map: plain, Where: []string{".e=trade"}}, `--where expected a value of JSON like "BTC", not trade`},
		{Spec{Map: plain, Where: []string{`.e="a",.b`}}, `--where expected the end, or ="value" in the quotes of JSON, not ,.b`},
		{Spec{Map: plain, NewestFirst: true}, "--newest-first needs --each"},
		{Spec{Map: plain, CSV: true, Each: ".x"}, "--each and --csv exclude each other: a line of CSV is one price"},
		{Spec{Map: plain, Prefix: " x"}, `--prefix must not begin or end with a blank, as part of a name, not " x"`},
		{Spec{Map: plain, Unit: "h"}, `--ts-unit must be s, ms, us or ns, not "h"`},
		{Spec{Map: `instrument=,price=p`, CSV: true}, `--map instrument: expected the name of a column, or one in quotes like ."a,b", not ,price=p`},
		{Spec{Map: `instrument=.a.b,price=p`, CSV: true}, `--map instrument: expected the name of a column, not .a.b`},
		{Spec{Map: `instrument="a,price=p`, CSV: true}, `--map instrument: expected a column, or a text like "BTC", not "a,price=p`},
	} {
		if c.spec.Unit == "" {
			c.spec.Unit = "ms"
		}
		_, err := New(c.spec)
		if err == nil || err.Error() != c.want || !errors.As(err, new(*config.Error)) {
			t.Errorf("%+v\n got %v\nwant %s", c.spec, err, c.want)
		}
	}
}
