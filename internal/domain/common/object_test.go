package common_test

import (
	"fmt"
	"strings"
	"testing"

	"backbone/internal/domain/common"
)

func decode(t *testing.T, msg string) *common.Object {
	t.Helper()
	obj, err := common.NewDecoder().Object([]byte(msg))
	if err != nil {
		t.Fatalf("%s: %v", msg, err)
	}
	return obj
}

func TestOnly(t *testing.T) {
	t.Parallel()
	many := make([]string, 100)
	for i := range many {
		many[i] = fmt.Sprintf(`"f%d":1`, i)
	}
	for _, tt := range []struct{ msg, want string }{
		{`{"type":"join","room":"a","mark_empty":true,"id":"7"}`, ``},
		{`{"type":"join"}`, ``},
		{`{"type":"join","price":1,"other":2}`, `unknown_field: price: unknown field, join has room, mark_empty, type, id`},
		{`{"type":"join","Room":"a"}`, `unknown_field: Room: unknown field, did you mean room?`},
		{`{"type":"join","MARK_EMPTY":true}`, `unknown_field: MARK_EMPTY: unknown field, did you mean mark_empty?`},
		{`{"type":"join","ID":"7"}`, `unknown_field: ID: unknown field, did you mean id?`},
		{`{"type":"join","id":"7","TYPE":"join"}`, `unknown_field: TYPE: unknown field, did you mean type?`},
		{`{"type":"join","room ":"a"}`, `unknown_field: "room ": unknown field, join has room, mark_empty, type, id`},
		{`{"type":"join","":"a"}`, `unknown_field: "": unknown field, join has room, mark_empty, type, id`},
		{`{"type":"join","r\u006fom":"a"}`, ``},
		{`{"type":"join","` + strings.Repeat("ü", 1000) + `":"a"}`,
			`unknown_field: "` + strings.Repeat("ü", 32) + `"...: unknown field, join has room, mark_empty, type, id`},
		{`{"type":"join","x` + strings.Repeat("ü", 1000) + `":"a"}`,
			`unknown_field: "x` + strings.Repeat("ü", 31) + `"...: unknown field, join has room, mark_empty, type, id`},
		// Type and id count also behind more fields than are kept.
		{`{` + strings.Join(many, ",") + `,"type":"join","id":"7"}`, `unknown_field: f0: unknown field, join has room, mark_empty, type, id`},
	} {
		obj := decode(t, tt.msg)
		if got := text(t, obj.Only("room", "mark_empty")); got != tt.want {
			t.Errorf("%s\n got %s\nwant %s", tt.msg, got, tt.want)
		}
		if id, ok := obj.ID(); ok != strings.Contains(tt.msg, `"id"`) || ok && id != "7" {
			t.Errorf("%s: id %q, %v", tt.msg, id, ok)
		}
	}
}

func TestFields(t *testing.T) {
	t.Parallel()
	values := map[string]func(*common.Object) (any, bool, error){
		"text": func(o *common.Object) (any, bool, error) {
			v, present, err := o.Text("f")
			return string(v), present, err
		},
		"number": func(o *common.Object) (any, bool, error) {
			v, present, err := o.Number("f")
			return string(v), present, err
		},
		"bool": func(o *common.Object) (any, bool, error) {
			v, present, err := o.Bool("f")
			return v, present, err
		},
		"list": func(o *common.Object) (any, bool, error) {
			v, present, err := o.Strings("f")
			return fmt.Sprintf("%q", v), present, err
		},
		"object": func(o *common.Object) (any, bool, error) {
			v, present, err := o.Nested("f")
			return string(v), present, err
		},
	}
	for _, tt := range []struct{ kind, value, want string }{
		{"text", `"a"`, `a`},
		{"text", `""`, ``},
		{"text", `"\"\\\/\b\f\n\r\t\u0041\ud83d\ude00"`, "\"\\/\b\f\n\r\tA\U0001f600"},
		{"text", `1`, `invalid_event: f: must be a JSON string, got number`},
		{"text", `null`, `invalid_event: f: must be a JSON string, got null`},
		{"number", `1.10`, `1.10`},
		{"number", `-0`, `-0`},
		{"number", `1E5`, `1E5`},
		{"number", `"1"`, `invalid_event: f: must be a JSON number, got string`},
		{"number", `true`, `invalid_event: f: must be a JSON number, got boolean`},
		{"bool", `true`, `true`},
		{"bool", `false`, `false`},
		{"bool", `"true"`, `invalid_event: f: must be true or false, got string`},
		{"bool", `1`, `invalid_event: f: must be true or false, got number`},
		{"list", `["a" , "\u0062",""]`, `["a" "b" ""]`},
		{"list", `[ ]`, `[]`},
		{"list", `["a",5]`, `invalid_event: f[1]: must be a JSON string, got number`},
		{"list", `[["a"]]`, `invalid_event: f[0]: must be a JSON string, got array`},
		{"list", `"a"`, `invalid_event: f: must be an array of JSON strings, got string`},
		{"list", `{}`, `invalid_event: f: must be an array of JSON strings, got object`},
		{"object", `{ "a":[1]}`, `{ "a":[1]}`},
		{"object", `[{}]`, `invalid_event: f: must be a JSON object, got array`},
	} {
		for _, format := range []string{`{"type":"t","f":%s}`, `{"f": %s ,"type":"t"}`, `{"type":"t","f":%s }`} {
			got, present, err := values[tt.kind](decode(t, fmt.Sprintf(format, tt.value)))
			if err != nil {
				got = text(t, err)
			}
			if fmt.Sprint(got) != tt.want || !present {
				t.Errorf("%s of %s: %q, present %v, want %q", tt.kind, tt.value, got, present, tt.want)
			}
		}
		if _, present, err := values[tt.kind](decode(t, `{"type":"t"}`)); present || err != nil {
			t.Errorf("%s of nothing: present %v, error %v", tt.kind, present, err)
		}
	}
}

func TestRoom(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ value, want string }{
		{`"BTC_USDT"`, ``},
		{`"{x} 币安"`, ``},
		{`"` + strings.Repeat("a", 128) + `"`, ``},
		{`""`, `invalid_room: room: must not be empty, got ""`},
		{`"a  b"`, `invalid_room: room: must not have two blanks in a row, got "a  b"`},
		{`"a\u0000"`, `invalid_room: room: must not contain the character U+0000, got "a\x00"`},
		{`"` + strings.Repeat("a", 129) + `"`, `invalid_room: room: must have at most 128 bytes, has 129, got "` + strings.Repeat("a", 64) + `"...`},
		{`5`, `invalid_event: room: must be a JSON string, got number`},
	} {
		room, err := decode(t, `{"type":"t","room":`+tt.value+`}`).Room("room")
		if got := text(t, err); got != tt.want {
			t.Errorf("%s\n got %s\nwant %s", tt.value, got, tt.want)
		}
		if err == nil && `"`+string(room)+`"` != tt.value {
			t.Errorf("%s came as %q", tt.value, room)
		}
	}
	if _, err := decode(t, `{"type":"t"}`).Room("room"); text(t, err) != `invalid_event: room: is required` {
		t.Error(err)
	}
}
