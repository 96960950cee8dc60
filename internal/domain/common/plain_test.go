package common

import (
	"fmt"
	"testing"
)

// described is all that an Object says of itself, first without a look at its fields.
func described(o *Object) string {
	s := fmt.Sprintf("type %q id %q error %v", o.typ, o.id, o.err)
	if o.cut(); s != fmt.Sprintf("type %q id %q error %v", o.typ, o.id, o.err) {
		return fmt.Sprintf("%s, and once it is cut type %q id %q error %v", s, o.typ, o.id, o.err)
	}
	for i := range o.fields[:o.n] {
		f := &o.fields[i]
		s += fmt.Sprintf(" %q=%s escaped %t twice %t", o.nameOf(f), o.valueOf(f), f.escaped, f.twice)
	}
	return s
}

// agree decodes msg as if nothing were plain, and compares that with what was made of it as
// plain text. It reports whether it was plain.
func agree(t *testing.T, msg string) (plain bool) {
	t.Helper()
	b, short, long := []byte(msg), NewDecoder(), NewDecoder()
	if short.obj.plain(b, 0) == len(b) {
		text, _, err := long.check(b, 0)
		if err != nil {
			t.Fatalf("plain takes %q, jsontext says %v", msg, err)
		}
		long.obj.read(text, 0)
		if got, want := described(&short.obj), described(&long.obj); got != want {
			t.Errorf("%q\nplain %s\n want %s", msg, got, want)
		}
		return true
	}
	if plainArray(b) == notPlain {
		return false
	}
	text, _, err := long.check(b, 0)
	if err != nil {
		t.Fatalf("plain takes %q, jsontext says %v", msg, err)
	}
	i := skipSpace(text, 1)
	err = short.Batch(b, func(_ int, o *Object, _ error) bool {
		end := long.obj.read(text, i)
		if got, want := described(o), described(&long.obj); got != want {
			t.Errorf("%q\nplain %s\n want %s", msg, got, want)
		}
		i = nextItem(text, end)
		return true
	})
	if err != nil || text[i] != ']' {
		t.Errorf("%q: %v, and %q is left", msg, err, text[i:])
	}
	return true
}

var plainTexts = map[string]bool{
	`{"type":"a","x":" ~!"}`: true, `{"a":9}`: true,
	`{"type":"price_update","instrument":"BTC_USDT","price":60214.30,"ts":1710000000}`: true,
	"{\t\"type\" :\r\n\"a\" , \"id\":\"7\" }":                                          true,
	`{"type":"price_update","instrument":"BTC","price":6e4,"ts":1}`:                    true,
	`[{"type":"price_update","instrument":"","price":1,"ts":1},{"type":"a"}]`:          true,
	`{"type":"price_update","instrument":"B\u0041","price":1,"ts":1}`:                  false,
	`{"type":"price_update","instrument":"ü","price":1,"ts":1}`:                        false,
	`{"type":"price_update","instrument":"B","price":1e,"ts":1}`:                       false,
	`{"type":"price_update","instrument":"B","price":1,"ts":01}`:                       false,
	`{"type":"a","type":"b","id":""}`:                                                  true,
	`{"Type":"a"}`:                                                                     true,
	`{"type":"a","x":-0,"y":0.0,"z":-1.50}`:                                            true,
	`[{"type":"a"}]`:                                                                   true,
	" [ {\"type\":\"a\",\"x\":1} ,\n{\"x\":\"[]{},:\"} ] ":                             true,
	`{"type":"a","data":{},"x":[ ]}`:                                                   true,
	`{"type":"a","data":{"size":1.5,"b" : [1,"x" , {"c":{}}]}}`:                        true,
	`{"a":[[[[]]]]}`: true, `{"a":[[[[[]]]]]}`: false,
	`{"a":{1}}`: false, `{"a":{"b"}}`: false, `{"a":{"b":}}`: false, `{"a":{"b":1,}}`: false, `{"a":{"b":1]}`: false, `{"a":[1}`: false, `{"a":["b":1]}`: false, `{"a":[1,]}`: false, `{"a":[`: false, `{"a":{"b":[1`: false,
	``: false, ` `: false, `{`: false, `{"`: false, `{"a`: false, `{"a"`: false, `{"a":`: false, `{"a":1`: false, `{"a":1,`: false,
	`{}`: false, `[]`: false, `[`: false, `[{"a":1}`: false, `[{"a":1},`: false, `[{"a":1},]`: false, `[{"a":1}]]`: false, `[{"a":1} {"b":2}]`: false,
	`{"a":1}}`: false, `{"a":1} `: false, `{"a":1;}`: false, `{"a" 1}`: false, `{a:1}`: false, `{"a":1,}`: false,
	`{"a":}`: false, `{"a":-}`: false, `{"a":01}`: false, `{"a":-01}`: false, `{"a":1.}`: false, `{"a":.5}`: false, `{"a":+1}`: false,
	`{"a":1e5}`: false, `{"a":1E-4}`: false, `{"a":true}`: false, `{"a":null}`: false, `{"a":NaN}`: false,
	`{"a":"\n"}`: false, "{\"a\":\"\n\"}": false, "{\"a\":\"\x7f\"}": false, `{"a":"ü"}`: false, "{\"a\":\"\xff\"}": false, `{"\u0061":1}`: false,
	"\ufeff{\"a\":1}": false, "{\"a\":\v1}": false, "{\"a\":\u00a01}": false,
}

func TestPlainTexts(t *testing.T) {
	t.Parallel()
	for msg, want := range plainTexts {
		if got := agree(t, msg); got != want {
			t.Errorf("%q is plain: %t, want %t", msg, got, want)
		}
	}
}

func FuzzPlainTexts(f *testing.F) {
	for msg := range plainTexts {
		f.Add(msg)
	}
	f.Fuzz(func(t *testing.T, msg string) { agree(t, msg) })
}
