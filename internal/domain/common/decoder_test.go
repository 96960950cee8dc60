package common_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"backbone/internal/domain/common"
	"backbone/protocol"
)

// text is err as "code: message", "" for nil. It fails the test on an error that a
// client could not be told.
func text(t testing.TB, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	coded, ok := errors.AsType[*common.RequestError](err)
	if !ok || coded.Code == "" || coded.Message == "" {
		t.Fatalf("%T %v is not a coded error", err, err)
	}
	return coded.Error()
}

func TestObjectSyntax(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ msg, want string }{
		{`{"type":"ping"}`, ``},
		{" \t\r\n{ \"type\" : \"ping\" } \t\r\n", ``},
		{``, `invalid_json: not valid JSON: the message is empty`},
		{` `, `invalid_json: not valid JSON: the message is empty`},
		{`{`, `invalid_json: not valid JSON: unexpected end at byte 1`},
		{`{"type":"ping"`, `invalid_json: not valid JSON: unexpected end at byte 14`},
		{`{"type":"pi`, `invalid_json: not valid JSON: unexpected end at byte 11`},
		{`{"type":"ping",}`, `invalid_json: not valid JSON: invalid character '}' at start of string (expecting '"'), at byte 15`},
		{`{type:"ping"}`, `invalid_json: not valid JSON: invalid character 't' at start of string (expecting '"'), at byte 1`},
		{`{"type":'ping'}`, `invalid_json: not valid JSON: invalid character '\'' at start of value, at byte 8`},
		{`{"price":01}`, `invalid_json: not valid JSON: invalid character '1' after object value (expecting ',' or '}'), at byte 10`},
		{`{"price":NaN}`, `invalid_json: not valid JSON: invalid character 'N' at start of value, at byte 9`},
		{`{"price":1.}`, `invalid_json: not valid JSON: invalid character '}' in number (expecting digit), at byte 11`},
		{`{"type":"ping"} x`, `invalid_json: not valid JSON: data after the end of the value, at byte 16`},
		{`{"type":"ping"}{"type":"ping"}`, `invalid_json: not valid JSON: data after the end of the value, at byte 15`},
		{`{"type":"\ud800"}`, "invalid_json: not valid JSON: invalid surrogate pair `\\ud800\"}` in string, at byte 9"},
		{"{\"type\":\"\xff\"}", `invalid_json: not valid JSON: invalid UTF-8, at byte 9`},
		{"{\"type\":\"a\nb\"}", `invalid_json: not valid JSON: invalid character '\n' in string (expecting non-control character), at byte 10`},
		{"\ufeff{}", `invalid_json: not valid JSON: invalid character '\ufeff' at start of value, at byte 0`},
		{`[{"type":"ping"}]`, `invalid_json: must be a JSON object, got array`},
		{`"text"`, `invalid_json: must be a JSON object, got string`},
		{`17`, `invalid_json: must be a JSON object, got number`},
		{`-1`, `invalid_json: must be a JSON object, got number`},
		{`true`, `invalid_json: must be a JSON object, got boolean`},
		{`null`, `invalid_json: must be a JSON object, got null`},
	} {
		obj, err := common.NewDecoder().Object([]byte(tt.msg))
		if got := text(t, err); got != tt.want {
			t.Errorf("%s\n got %s\nwant %s", tt.msg, got, tt.want)
		}
		if id, ok := obj.ID(); ok {
			t.Errorf("%s: id %q", tt.msg, id)
		}
	}
}

// What other servers take for a ping is answered with ours.
func TestAPingOfAnotherShape(t *testing.T) {
	t.Parallel()
	const hint = `; to ping, send {"type":"ping"}`
	for msg, want := range map[string]string{
		`ping`:                       `invalid_json: not valid JSON: invalid character 'p' at start of value, at byte 0` + hint,
		" PING\r\n":                  `invalid_json: not valid JSON: invalid character 'P' at start of value, at byte 1` + hint,
		`'ping'`:                     `invalid_json: not valid JSON: invalid character '\'' at start of value, at byte 0` + hint,
		`"ping"`:                     `invalid_json: must be a JSON object, got string` + hint,
		`{"op":"ping"}`:              `invalid_event: type: is required` + hint,
		`{"id":"7","method":"Ping"}`: `invalid_event: type: is required` + hint,
		`{"ping":1710000000}`:        `invalid_event: type: is required` + hint,
		`{"Type":"ping"}`:            `unknown_field: Type: unknown field, did you mean type?`,
		`pings`:                      `invalid_json: not valid JSON: invalid character 'p' at start of value, at byte 0`,
		`{"op":"pings"}`:             `invalid_event: type: is required`,
	} {
		_, err := common.NewDecoder().Object([]byte(msg))
		if got := text(t, err); got != want {
			t.Errorf("a consumer's %s\n got %s\nwant %s", msg, got, want)
		}
		err = common.NewDecoder().Batch([]byte(msg), func(_ int, _ *common.Object, err error) bool {
			if got := text(t, err); got != want {
				t.Errorf("an ingestor's %s\n got %s\nwant %s", msg, got, want)
			}
			return true
		})
		want = strings.Replace(want, "must be a JSON object", "must be a JSON object or an array of objects", 1)
		if got := text(t, err); err != nil && got != want {
			t.Errorf("an ingestor's %s\n got %s\nwant %s", msg, got, want)
		}
		if msg[0] != '{' && err == nil {
			t.Errorf("an ingestor's %s has no error", msg)
		}
	}
	for msg, want := range map[string]string{
		`["ping",{"type":"t"}]`: `invalid_event: must be a JSON object, got string` + hint,
		`[ping,{"type":"t"}]`:   `invalid_json: not valid JSON: invalid character 'p' at start of value, at byte 1` + hint,
		`["text","ping"]`:       `invalid_event: must be a JSON object, got string`,
	} {
		err := common.NewDecoder().Batch([]byte(msg), func(_ int, _ *common.Object, err error) bool {
			if got := text(t, err); got != want {
				t.Errorf("%s\n got %s\nwant %s", msg, got, want)
			}
			return false
		})
		if err != nil {
			t.Errorf("%s: %v", msg, err)
		}
	}
}

func TestObjectFaults(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ü", protocol.MaxIDLength)
	for _, tt := range []struct{ msg, id, want string }{
		{`{"type":"t","id":"7"}`, `7`, ``},
		{`{"type":"t","id":"\u0037\n"}`, "7\n", ``},
		{`{"i\u0064":"7","\u0074ype":"t"}`, `7`, ``},
		{`{"type":"t","id":"` + long + `"}`, long, ``},
		{`{"type":"t","id":"` + long + `u"}`, ``, `invalid_event: id: must have at most 64 characters, got 65`},
		{`{"type":"t","id":""}`, ``, `invalid_event: id: must not be empty`},
		{`{"type":"t","id":7}`, ``, `invalid_event: id: must be a JSON string, got number`},
		{`{"type":"t","id":null}`, ``, `invalid_event: id: must be a JSON string, got null`},
		{`{"id":"7"}`, `7`, `invalid_event: type: is required`},
		{`{}`, ``, `invalid_event: type: is required`},
		{`{"type":"","id":"7"}`, `7`, `invalid_event: type: must not be empty`},
		{`{"type":5,"id":"7"}`, `7`, `invalid_event: type: must be a JSON string, got number`},
		{`{"type":["t"]}`, ``, `invalid_event: type: must be a JSON string, got array`},
		{`{"Type":"t","id":"7"}`, `7`, `unknown_field: Type: unknown field, did you mean type?`},
		{`{"type":"t","price":1,"id":"7","price":1}`, `7`, `invalid_event: price: appears more than once`},
		{`{"type":"t","price":1,"pri\u0063e":1}`, ``, `invalid_event: price: appears more than once`},
		{`{"type":"t","type":"t"}`, ``, `invalid_event: type: appears more than once`},
		{`{"type":"t","id":"7","id":"7"}`, ``, `invalid_event: id: appears more than once`},
		{`{"type":"t","":1,"":1}`, ``, `invalid_event: "": appears more than once`},
		// The first key that appears twice, then the id, then the type.
		{`{"a":1,"a":2,"b":1,"b":2,"id":7}`, ``, `invalid_event: a: appears more than once`},
		{`{"b":1,"a":1,"a":2,"b":2}`, ``, `invalid_event: a: appears more than once`},
		{`{"type":5,"id":7}`, ``, `invalid_event: id: must be a JSON string, got number`},
		// Nothing inside of a value is a key of the object.
		{`{"type":"t","a":{"id":"x","id":"x","type":1},"b":["}",{"c":"]\\\""}],"id":"7"}`, `7`, ``},
	} {
		obj, err := common.NewDecoder().Object([]byte(tt.msg))
		if got := text(t, err); got != tt.want {
			t.Errorf("%s\n got %s\nwant %s", tt.msg, got, tt.want)
		}
		if id, ok := obj.ID(); id != tt.id || ok != (tt.id != "") {
			t.Errorf("%s: id %q, %v", tt.msg, id, ok)
		}
		if err == nil && obj.Type() != "t" {
			t.Errorf("%s: type %q", tt.msg, obj.Type())
		}
	}
}

// batch is what Batch says of msg: a line for each object, then one for the message.
func batch(t testing.TB, dec *common.Decoder, msg string) []string {
	t.Helper()
	var got []string
	err := dec.Batch([]byte(msg), func(index int, obj *common.Object, err error) bool {
		id, _ := obj.ID()
		got = append(got, strings.TrimSpace(fmt.Sprintf("%d %s %s %s", index, obj.Type(), id, text(t, err))))
		return true
	})
	if err != nil {
		got = append(got, text(t, err))
	}
	return got
}

func TestBatch(t *testing.T) {
	t.Parallel()
	dec := common.NewDecoder() // one for all: nothing may be left over from the message before
	for _, tt := range []struct {
		msg  string
		want []string
	}{
		{`{"type":"a","id":"7"}`, []string{`-1 a 7`}},
		{`{"type":"a"`, []string{`invalid_json: not valid JSON: unexpected end at byte 11`}},
		{` [ {"type":"a"} , {"type":"b","id":"2"} ] `, []string{`0 a`, `1 b 2`}},
		{`[{"type":"a","x":1,"x":1},{"type":"b"}]`, []string{`0 a  invalid_event: x: appears more than once`, `1 b`}},
		{`[5,[{"type":"a"}],"{}",null,{"type":"b","id":"x"},{}]`, []string{
			`0   invalid_event: must be a JSON object, got number`,
			`1   invalid_event: must be a JSON object, got array`,
			`2   invalid_event: must be a JSON object, got string`,
			`3   invalid_event: must be a JSON object, got null`,
			`4 b x`,
			`5   invalid_event: type: is required`,
		}},
		{`[]`, []string{`invalid_json: must be a JSON object or an array of objects, got an empty array`}},
		{`[ ]`, []string{`invalid_json: must be a JSON object or an array of objects, got an empty array`}},
		{`"a"`, []string{`invalid_json: must be a JSON object or an array of objects, got string`}},
		// An element that is not JSON costs itself, with its index.
		{` [ {"type":"a","x":NaN} , {"type":"b"},Infinity,{"type":"c","x":"]},{" , "y":[{"z":nul}]}, {"type":"d","id":"4"}] `, []string{
			`0   invalid_json: not valid JSON: invalid character 'N' at start of value, at byte 19`,
			`1 b`,
			`2   invalid_json: not valid JSON: invalid character 'I' at start of value, at byte 39`,
			`3   invalid_json: not valid JSON: invalid character '}' in literal null (expecting 'l'), at byte 86`,
			`4 d 4`,
		}},
		{`[{"type":"a","x":"\ud83d"},{"type":"b","x":"\ud83d\ude00"},{"type":"c","x":"\udc00\ud800"}]`, []string{
			"0   invalid_json: not valid JSON: invalid surrogate pair `\\ud83d\"}` in string, at byte 18",
			`1 b`,
			"2   invalid_json: not valid JSON: invalid surrogate pair `\\udc00\\ud800` in string, at byte 76",
		}},
		{"[{\"type\":\"a\",\"x\":\"\n,\\q\"},{\"type\":\"b\"}]", []string{
			`0   invalid_json: not valid JSON: invalid character '\n' in string (expecting non-control character), at byte 18`,
			`1 b`,
		}},
		{`[{"type":"a"},]`, []string{`0 a`, `1   invalid_json: not valid JSON: an element is missing, at byte 14`}},
		{`[, ,{"type":"a"}]`, []string{
			`0   invalid_json: not valid JSON: an element is missing, at byte 1`,
			`1   invalid_json: not valid JSON: an element is missing, at byte 3`,
			`2 a`,
		}},
		{`[1 2,5,{"type":"a"}]`, []string{
			`0   invalid_json: not valid JSON: data after the end of the value, at byte 3`,
			`1   invalid_event: must be a JSON object, got number`,
			`2 a`,
		}},
		// If the elements cannot be told apart, nothing is taken, wherever the fault is.
		{`[{"type":"a"},{"type":"b"}`, []string{`invalid_json: not valid JSON: unexpected end at byte 26; the last good element has index 1`}},
		{`[{"type":"a"},{"type":"b"},`, []string{`invalid_json: not valid JSON: unexpected end at byte 27; the last good element has index 1`}},
		{`[{"type":"a"},{"type":"b`, []string{`invalid_json: not valid JSON: unexpected end at byte 24; the last good element has index 0`}},
		{`[{"type":"a"},{"type":"b"`, []string{`invalid_json: not valid JSON: unexpected end at byte 25; the last good element has index 0`}},
		{`[{"type":"a`, []string{`invalid_json: not valid JSON: unexpected end at byte 11, in the first element of the array`}},
		{`[{"type":"a"},{"type":"b"]`, []string{`invalid_json: not valid JSON: invalid character ']' after object value (expecting ',' or '}'), at byte 25; the last good element has index 0`}},
		{`[{"type":"a"},{"x":"5" tall"},{"type":"b"}]`, []string{`invalid_json: not valid JSON: invalid character 't' after object value (expecting ',' or '}'), at byte 23; the last good element has index 0`}},
		{`[{"type":"a"}{"type":"b"},{"type":"c"}]`, []string{`invalid_json: not valid JSON: invalid character '{' after array element (expecting ',' or ']'), at byte 13, in the first element of the array`}},
		{`[{"type":"a","x":NaN},{"type":"b"}}`, []string{`invalid_json: not valid JSON: invalid character 'N' at start of value, at byte 17, in the first element of the array`}},
		{`[{"type":"a"}] ]`, []string{`invalid_json: not valid JSON: data after the end of the value, at byte 15; the last good element has index 0`}},
		{` x[{"type":"a"}]`, []string{`invalid_json: not valid JSON: invalid character 'x' at start of value, at byte 1`}},
		{`{"type":"a"},{"type":"b"}`, []string{`invalid_json: not valid JSON: data after the end of the value, at byte 12`}},
	} {
		if got := batch(t, dec, tt.msg); !slices.Equal(got, tt.want) {
			t.Errorf("%s\n got %q\nwant %q", tt.msg, got, tt.want)
		}
	}
}

// A caller that has had enough is given no more of the array, broken or not.
func TestBatchEndsWithItsCaller(t *testing.T) {
	t.Parallel()
	for _, msg := range []string{`[1,2,3,4]`, `[x,2,y,,4]`} {
		calls := 0
		err := common.NewDecoder().Batch([]byte(msg), func(int, *common.Object, error) bool {
			calls++
			return calls < 2
		})
		if calls != 2 || err != nil {
			t.Errorf("%s: %d calls, %v", msg, calls, err)
		}
	}
}

func TestBatchIsTakenWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	const n = 1000 // enough brackets for the way that deep messages take
	dec, good := common.NewDecoder(), "["+strings.Repeat(`{"type":"a"},`, n-1)+`{"type":"b"}]`
	if got := batch(t, dec, good); len(got) != n || got[n-1] != "999 b" {
		t.Errorf("%d objects, the last %q", len(got), got[len(got)-1])
	}
	bad := good[:len(good)-2] + "]"
	if got := batch(t, dec, bad); len(got) != 1 || !strings.HasPrefix(got[0], "invalid_json: not valid JSON") {
		t.Errorf("with a fault at its end: %.100q", got)
	}
}

func TestDeepNesting(t *testing.T) {
	t.Parallel()
	dec := common.NewDecoder()
	for _, pair := range []string{"[]", "{}"} {
		open, closed := pair[:1], pair[1:]
		if open == "{" {
			open = `{"":`
		}
		for _, depth := range []int{10, 1000, 9000} { // jsontext stops at 10,000
			value := strings.Repeat(open, depth) + "0" + strings.Repeat(closed, depth)
			obj, err := dec.Object([]byte(`{"type":"t","deep":` + value + `,"id":"7"}`))
			if got, id := text(t, err), ""; got != "" {
				t.Errorf("%s %d deep: %s", pair, depth, got)
			} else if id, _ = obj.ID(); id != "7" {
				t.Errorf("%s %d deep: id %q", pair, depth, id)
			}
			if got := text(t, obj.Only()); got != "unknown_field: deep: unknown field, t has type, id" {
				t.Errorf("%s %d deep: %s", pair, depth, got)
			}
		}
		msg := strings.Repeat(open, protocol.MaxMessageBytes/len(open))
		if _, err := dec.Object([]byte(msg)); !strings.HasPrefix(text(t, err), "invalid_json: not valid JSON") {
			t.Errorf("%s without end: %v", pair, err)
		}
	}
}

// A message of brackets must not be a cheap way to keep the server busy: read
// recursively, this one costs some 18,000 allocations and megabytes of stack.
func TestDeepNestingIsCheapToRefuse(t *testing.T) {
	dec, msg := common.NewDecoder(), []byte(strings.Repeat(`{"":`, protocol.MaxMessageBytes/4))
	n := testing.AllocsPerRun(5, func() {
		if _, err := dec.Object(msg); err == nil {
			t.Error("taken")
		}
	})
	if n > 1000 {
		t.Errorf("%v allocations", n)
	}
}

func TestDecoderAllocatesNothing(t *testing.T) {
	dec := common.NewDecoder()
	for _, msg := range []string{
		`{"type":"price_update","instrument":"BTC_USDT","price":60214.3,"ts":1710000000}`,
		`[{"type":"ping"},{"type":"ping"},{"type":"ping"}]`,
		`{"type":"ping","data":"\u00fc\n"}`,
	} {
		msg := []byte(msg)
		run := func() {
			err := dec.Batch(msg, func(_ int, obj *common.Object, err error) bool {
				if err != nil || obj.Only("instrument", "price", "ts", "data") != nil {
					t.Errorf("%s: %v", msg, err)
				}
				if _, _, err := obj.Text("data"); err != nil {
					t.Error(err)
				}
				return true
			})
			if err != nil {
				t.Error(err)
			}
		}
		if n := testing.AllocsPerRun(100, run); n != 0 {
			t.Errorf("%s: %v allocations", msg, n)
		}
	}
}
