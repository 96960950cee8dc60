package publish

import (
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"backbone/client"
	"backbone/internal/config"
)

// readMapped returns the events of text, what was wrong by line, how many lines were passed over and
// why reading ended.
func readMapped(t *testing.T, f foreign, text string) (events []client.PriceUpdate, wrong map[int]string, passed int, end error) {
	t.Helper()
	if f.TSUnit == "" {
		f.TSUnit = "ms"
	}
	if f.Separator == "" {
		f.Separator = ","
	}
	r, err := newMappedReader(newLineReader(iotest.HalfReader(strings.NewReader(text)), maxLine), &f)
	if err != nil {
		t.Fatal(err)
	}
	wrong = map[int]string{}
	for {
		u, err := r.next()
		bad, ok := errors.AsType[*lineError](err)
		switch {
		case ok:
			wrong[bad.line] += bad.Error()
		case err != nil:
			passed = r.at().passed
			return events, wrong, passed, err
		default:
			events = append(events, u)
		}
	}
}

func price(instrument, text string, ts int64) client.PriceUpdate {
	return client.PriceUpdate{Instrument: instrument, Price: client.Price(text), TS: ts}
}

func TestLinesOfAnotherShape(t *testing.T) {
	const batch = `{"d":[{"s":"A","p":"1.0","T":1},{"s":"B","T":2},{"s":"C","p":3.0,"T":3}]}`
	events, wrong, passed, end := readMapped(t, foreign{Map: "instrument=.s,price=.p,ts=.T", Each: ".d", Where: []string{".d"}, Prefix: "x:"},
		"\ufeff{\"ack\":1}\r\n\n"+batch+"\r\npong\n{\"d\":\""+strings.Repeat("x", 5_000_000)+"\"}\n"+batch)
	want := []client.PriceUpdate{price("x:A", "1.0", 1), price("x:C", "3.0", 3), price("x:A", "1.0", 1), price("x:C", "3.0", 3)}
	if !errors.Is(end, io.EOF) || passed != 1 || !reflect.DeepEqual(events, want) {
		t.Errorf("events %+v, passed over %d, end %v; want %+v, 1", events, passed, end, want)
	}
	for line, text := range map[int]string{
		3: "line 3: invalid_event: price: .p is missing (element 2)",
		4: "line 4: invalid_json: not valid JSON: ",
		5: "line 5: invalid_event: the line is longer than 1048576 bytes",
		6: "line 6: invalid_event: price: .p is missing (element 2)",
	} {
		if !strings.HasPrefix(wrong[line], text) {
			t.Errorf("line %d: %q, want %q", line, wrong[line], text)
		}
	}
	if len(wrong) != 4 {
		t.Errorf("wrong: %v", wrong)
	}
}

func TestLinesOfCSV(t *testing.T) {
	f := foreign{Map: "instrument=s,price=p,ts=T", CSV: true, Separator: "tab", TSUnit: "s"}
	want := []client.PriceUpdate{price("A", "1.0", 1000), price("B", "3.0", 3000)}
	events, wrong, _, end := readMapped(t, f, "\ufeffs\tp\tT\tx\r\nA\t1.0\t1\t\r\n\r\nA\t\"2.0\t2\t\nB\t3.0\t3\t")
	if !errors.Is(end, io.EOF) || !reflect.DeepEqual(events, want) || len(wrong) != 1 || !strings.HasPrefix(wrong[4], "line 4: invalid_event: a quote") {
		t.Errorf("events %+v, wrong %v, end %v", events, wrong, end)
	}
	f.Separator, f.Columns = ";", "s;p;T"
	if events, wrong, _, _ := readMapped(t, f, "A;1.0;1\nB;3.0;3\n"); !reflect.DeepEqual(events, want) || len(wrong) > 0 {
		t.Errorf("without a header: events %+v, wrong %v", events, wrong)
	}
	// A column that is missing ends all, and is the operator's to mend.
	f.Columns = ""
	if events, _, _, end := readMapped(t, f, "s;P;T\nA;1.0;1\n"); len(events) > 0 || !errors.As(end, new(*config.Error)) {
		t.Errorf("events %+v, end %v", events, end)
	}
}

func TestUTF16OfAnotherShapeIsCalledByItsName(t *testing.T) {
	for _, f := range []foreign{{Map: "instrument=.s,price=.p"}, {Map: "instrument=s,price=p", CSV: true}} {
		if _, _, _, end := readMapped(t, f, "\xff\xfe{\x00\"\x00"); !errors.Is(end, errUTF16) {
			t.Errorf("%+v: %v", f, end)
		}
	}
}

// Every flag for lines of another shape says so where it has no effect.
func TestFlagsOfAnotherShapeNeedTheMap(t *testing.T) {
	for flag, f := range map[string]foreign{
		"each": {Each: ".d"}, "where": {Where: []string{".d"}}, "newest-first": {NewestFirst: true}, "prefix": {Prefix: "x"},
		"ts-unit": {TSUnit: "s"}, "csv": {CSV: true}, "columns": {Columns: "a"}, "separator": {Separator: ";"},
	} {
		want := "--" + flag + " needs --map"
		if err := (&Cmd{foreign: f}).Validate(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	for want, c := range map[string]Cmd{
		"--map and an event in flags exclude each other":    {Instrument: "A", Price: "1", foreign: foreign{Map: "instrument=.s,price=.p"}},
		"--map must name price":                             {foreign: foreign{Map: "instrument=.s", TSUnit: "ms", Separator: ","}},
		"--separator needs --csv":                           {foreign: foreign{Map: "instrument=.s,price=.p", TSUnit: "ms", Separator: ";"}},
		"--columns needs --csv":                             {foreign: foreign{Map: "instrument=.s,price=.p", TSUnit: "ms", Separator: ",", Columns: "s,p"}},
		"--separator must be one character":                 {foreign: foreign{Map: "instrument=s,price=p", TSUnit: "ms", Separator: ";;", CSV: true}},
		`--separator must be one character, or tab, not ""`: {foreign: foreign{Map: "instrument=s,price=p", TSUnit: "ms", CSV: true}},
		"--map and --where name the column \"p\"":           {foreign: foreign{Map: "instrument=s,price=p", TSUnit: "ms", Separator: ",", CSV: true, Columns: "s,q"}},
	} {
		if err := c.Validate(); err == nil || !strings.HasPrefix(err.Error(), want) || !errors.As(err, new(*config.Error)) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
