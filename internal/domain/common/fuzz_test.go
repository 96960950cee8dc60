package common_test

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"backbone/internal/domain/common"
)

// FuzzDecoder reads every member of an object in each way there is, and compares with
// encoding/json. The Decoder has read another message before.
func FuzzDecoder(f *testing.F) {
	for _, msg := range []string{
		`{"type":"join","rooms":["A","\u0042"],"mark_empty":true,"id":"1"}`,
		`[{"type":"t"},{"type":"u","n":-1.5e3,"n":0},[],"",null]`,
		` { "a" : { "b" : [ "}" , "]" ] } , "a\"b" : "\\" } `,
		`{"id":"\u00fc","Type":"x"}`,
		`{"type"`,
	} {
		f.Add([]byte(msg), []byte(`{"type":"ping","id":"\u0037"}`))
		f.Add([]byte(`[{"id":"7","id":"7"},5]`), []byte(msg))
	}
	f.Fuzz(func(t *testing.T, before, msg []byte) {
		used := common.NewDecoder()
		batch(t, used, string(before))
		got, fresh := batch(t, used, string(msg)), batch(t, common.NewDecoder(), string(msg))
		if !slices.Equal(got, fresh) {
			t.Fatalf("%q\nafter %q: %q\nalone: %q", msg, before, got, fresh)
		}
		obj, err := used.Object(msg)
		if err != nil {
			return
		}
		var members map[string]json.RawMessage
		if err := json.Unmarshal(msg, &members); err != nil {
			t.Fatalf("%q: %v", msg, err)
		}
		if len(members) > 16 {
			return // not all are kept
		}
		for name, raw := range members {
			compare(t, obj, name, raw)
		}
		if err := obj.Only(slices.Collect(maps.Keys(members))...); err != nil {
			t.Errorf("%q: %v", msg, err)
		}
	})
}

func compare(t *testing.T, obj *common.Object, name string, raw json.RawMessage) {
	t.Helper()
	var want any
	if err := json.Unmarshal(raw, &want); err != nil {
		if kind := raw[0]; kind == '[' || kind == '{' {
			return // a number in there is too large for a float64
		}
		want = 0.0 // a number too large for a float64 is a number
	}
	asText, present, err := obj.Text(name)
	if s, is := want.(string); !present || is != (err == nil) || s != string(asText) {
		t.Errorf("%s as text: %q, present %v, error %v", raw, asText, present, err)
	}
	asNumber, present, err := obj.Number(name)
	if _, is := want.(float64); !present || is != (err == nil) || is && string(asNumber) != string(raw) {
		t.Errorf("%s as number: %q, present %v, error %v", raw, asNumber, present, err)
	}
	asBool, present, err := obj.Bool(name)
	if b, is := want.(bool); !present || is != (err == nil) || b != asBool {
		t.Errorf("%s as boolean: %v, present %v, error %v", raw, asBool, present, err)
	}
	asList, present, err := obj.Strings(name)
	var list []string
	array, is := want.([]any)
	for _, item := range array {
		s, isText := item.(string)
		list, is = append(list, s), is && isText
	}
	if !present || is != (err == nil) || is && !slices.Equal(list, asList) {
		t.Errorf("%s as strings: %q, present %v, error %v", raw, asList, present, err)
	}
}
