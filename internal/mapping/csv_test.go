package mapping

import (
	"errors"
	"testing"

	"backbone/internal/config"
)

// table returns a table with a header.
func table(t *testing.T, r *Reader, separator rune, header string) *Table {
	t.Helper()
	csv := NewTable(separator)
	if err := csv.Header([]byte(header), r); err != nil {
		t.Fatal(err)
	}
	return csv
}

func TestCSV(t *testing.T) {
	r := reader(t, Spec{CSV: true, Map: `instrument=symbol,price=."last, EUR",ts=Time of day,data.size=qty,data.at="X"`, Where: []string{`kind="t"`}})
	csv := table(t, r, ';', " symbol ;qty;unread;\"last, EUR\";Time of day;kind;unread;\r\n")
	for line, want := range map[string]string{
		"BTC;0.10;x;68580.0;1710000000000;t;;\n":            `BTC 68580.0 1710000000000 {"size":"0.10","at":"X"}`,
		"BTC;;x;68580.0;1710000000000;t;;":                  `BTC 68580.0 1710000000000 {"at":"X"}`,
		" BTC ;\"0;1\";x;\"1.58E-4\";1;t;\"a\"\"b\";\r\n":   `BTC 1.58E-4 1 {"size":"0;1","at":"X"}`,
		"BTC;1;x;2;2026-01-02 03:04:05Z;t;;":                `BTC 2 1767323045000 {"size":"1","at":"X"}`,
		"BTC;1;x;;1;t;;":                                    "invalid_event: price: column last, EUR is missing",
		"BTC;1;x;NaN;1;t;;":                                 `invalid_event: price: column last, EUR: expected a number, not "NaN"`,
		"BTC;1;x;2;;t;;":                                    "invalid_event: ts: column Time of day is missing",
		"BTC;1;x;68580,50;1;t;;":                            `invalid_event: price: column last, EUR: expected a number, not "68580,50"`,
		"BTC;1;x;2;1;u;;":                                   "passed over",
		"BTC;1;x;2;1;;;":                                    "passed over",
		"BTC;1;x;2;1;t;":                                    "invalid_event: expected 8 fields, as the header has, not 7",
		"BTC;1;x;2;1;t;;;":                                  "invalid_event: expected 8 fields, as the header has, not 9",
		"BTC;\"1;x;2;1;t;;":                                 "invalid_event: a quote is not closed on its line, or something stands behind it",
		"BTC;\"1\"x;x;2;1;t;;":                              "invalid_event: a quote is not closed on its line, or something stands behind it",
		"BTC;1\"x;x;2;1;t;;":                                "invalid_event: a quote stands inside of a field without quotes",
		"B\xffC;1;x;2;1;t;;":                                "invalid_json: the field 1 is not UTF-8",
		"BTC;\"é\\u0041\t\";x;2;1;t;;":                      `BTC 2 1 {"size":"é\\u0041","at":"X"}`,
		"<b>;\"" + "\x01" + "\";x;2;1;t;;":                  `<b> 2 1 {"size":"\u0001","at":"X"}`,
		"BTC;1;" + string(make([]byte, 10000)) + ";2;1;t;;": `BTC 2 1 {"size":"1","at":"X"}`,
	} {
		for range 2 { // what a line leaves behind does not reach the next
			object, err := csv.Object([]byte(line))
			got := ""
			if err != nil {
				got = err.Error()
			} else {
				got = read(t, r, string(object))[0]
			}
			if got != want {
				t.Errorf("%.80q\n got %s\nwant %s", line, got, want)
			}
		}
	}
}

func TestNumbersOfCSV(t *testing.T) {
	r := reader(t, Spec{CSV: true, Map: `instrument="A",price=Price (EUR),ts=T,data.n=number(Size (1)),data.m=number( ."a,b" ),data.t=T`})
	csv := table(t, r, ',', `Price (EUR),T,Size (1),"a,b"`)
	for line, want := range map[string]string{
		`1.0,1,0.10,2E-7`: `A 1.0 1 {"n":0.10,"m":2E-7,"t":"1"}`,
		`1.0,1,,`:         `A 1.0 1 {"t":"1"}`,
		`1.0,1,x,`:        `invalid_event: data.n: column Size (1): expected a number, not "x"`,
	} {
		object, err := csv.Object([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		if got := read(t, r, string(object)); got[0] != want {
			t.Errorf("%s: %s, want %s", line, got[0], want)
		}
	}
}

func TestAWholeRowAsData(t *testing.T) {
	r := reader(t, Spec{CSV: true, Map: "instrument=s,price=p,ts=T,data=."})
	object, err := table(t, r, '\t', "s\tp\tT\t\tx").Object([]byte("A\t1.0\t2\tnameless\t<y>"))
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, r, string(object)); got[0] != `A 1.0 2 {"s":"A","p":"1.0","T":"2","x":"<y>"}` {
		t.Error(got)
	}
}

func TestHeadersThatAreWrong(t *testing.T) {
	for _, c := range []struct{ fields, header, want string }{
		{plainCSV, "s,T", `--map and --where name the column "p", which is not in the header: s, T`},
		{plainCSV, "S,p,T", `--map and --where name the column "s", which is not in the header: S, p, T`},
		{plainCSV, "s,p,T,p", `--csv the header has the column "p" 2 times: rename all but one`},
		{plainCSV + ",data=.", "s,p,T,x,x", `--csv the header has the column "x" 2 times: rename all but one`},
		{plainCSV, `s,"p`, `--csv the header: invalid_event: a quote is not closed on its line, or something stands behind it`},
		{plainCSV, ``, `--csv the header: invalid_event: the line holds nothing`},
	} {
		err := NewTable(',').Header([]byte(c.header), reader(t, Spec{CSV: true, Map: c.fields}))
		if err == nil || err.Error() != c.want || !errors.As(err, new(*config.Error)) {
			t.Errorf("%s of %s\n got %v\nwant %s", c.fields, c.header, err, c.want)
		}
	}
	if err := NewTable(',').Header([]byte("s,p,T,x,x"), reader(t, Spec{CSV: true, Map: plainCSV})); err != nil {
		t.Errorf("what is not named may be there twice: %v", err)
	}
}

const plainCSV = "instrument=s,price=p,ts=T"
