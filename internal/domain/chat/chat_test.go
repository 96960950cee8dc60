package chat_test

import (
	"errors"
	"strings"
	"testing"

	"backbone/internal/domain/chat"
	"backbone/internal/domain/common"
	"backbone/protocol"
)

func validate(t testing.TB, msg string) (common.Event, error) {
	t.Helper()
	obj, err := common.NewDecoder().Object([]byte(msg))
	if err != nil {
		t.Fatalf("%s: %v", msg, err)
	}
	return chat.Message{}.Validate(obj)
}

func TestMessage(t *testing.T) {
	t.Parallel()
	var d chat.Message
	if d.Type() != "message" || d.Sender() != protocol.Consumer || d.RoomField() != "room" || !d.MembersOnly() {
		t.Errorf("%q of %s, room in %q, members only %v", d.Type(), d.Sender(), d.RoomField(), d.MembersOnly())
	}
	got, err := validate(t, `{"id":"7","data":"text","room":"lobby","type":"message"}`)
	want := common.Event{Room: "lobby", Payload: `{"type":"message","room":"lobby","data":"text"}`}
	if err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestOff(t *testing.T) {
	t.Parallel()
	obj, err := common.NewDecoder().Object([]byte(`{"type":"message","room":"lobby","data":"text"}`))
	if err != nil {
		t.Fatal(err)
	}
	_, err = chat.Message{Off: true}.Validate(obj)
	if e, ok := errors.AsType[*common.RequestError](err); !ok || e.Code != protocol.CodeForbidden {
		t.Errorf("got %v", err)
	}
}

func TestData(t *testing.T) {
	t.Parallel()
	full := strings.Repeat("x", protocol.MaxChatBytes)
	umlauts := strings.Repeat("ü", protocol.MaxChatBytes/2)
	for _, tt := range []struct{ data, want string }{
		{`""`, `""`},
		{`"<b>&\u003c/b>\u2028"`, "\"<b>&</b>\u2028\""},
		{`"\u00fc\/\"\\\b\f\n\r\t\u0000\u001F\u007f\uD83D\uDE00"`, "\"ü/\\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u001f\x7f\U0001f600\""},
		{`"` + full + `"`, `"` + full + `"`},
		{`"` + umlauts + `"`, `"` + umlauts + `"`},
		{`"` + strings.Repeat(`\n`, protocol.MaxChatBytes) + `"`, `"` + strings.Repeat(`\n`, protocol.MaxChatBytes) + `"`},
		{`"` + full + `x"`, `invalid_event: data: must have at most 16384 bytes, got 16385`},
		{`"` + umlauts + `x"`, `invalid_event: data: must have at most 16384 bytes, got 16385`},
		{`5`, `invalid_event: data: must be a JSON string, got number`},
		{`{"a":1}`, `invalid_event: data: must be a JSON string, got object`},
		{`null`, `invalid_event: data: must be a JSON string, got null`},
	} {
		ev, err := validate(t, `{"type":"message","room":"lobby","data":`+tt.data+`}`)
		got := strings.TrimSuffix(strings.TrimPrefix(ev.Payload, `{"type":"message","room":"lobby","data":`), "}")
		if err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%.200s\n got %.200s\nwant %.200s", tt.data, got, tt.want)
		}
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ fields, want string }{
		{`"data":"a"`, `invalid_event: room: is required`},
		{`"room":"lobby"`, `invalid_event: data: is required`},
		{`"room":["lobby"],"data":"a"`, `invalid_event: room: must be a JSON string, got array`},
		{`"room":"the  lobby","data":"a"`, `invalid_room: room: must not have two blanks in a row, got "the  lobby"`},
		{`"room":"lobby","data":"a","from":"b"`, `unknown_field: from: unknown field, message has room, data, type, id`},
		{`"room":"lobby","DATA":"a"`, `unknown_field: DATA: unknown field, did you mean data?`},
		// An unknown field first, then room, data.
		{`"data":5,"x":1`, `unknown_field: x: unknown field, message has room, data, type, id`},
		{`"data":5,"room":5`, `invalid_event: room: must be a JSON string, got number`},
	} {
		ev, err := validate(t, `{"type":"message",`+tt.fields+`}`)
		if coded, ok := errors.AsType[*common.RequestError](err); !ok || coded.Error() != tt.want {
			t.Errorf("%s\n got %v\nwant %s", tt.fields, err, tt.want)
		}
		if ev != (common.Event{}) {
			t.Errorf("%s: refused, and still %+v", tt.fields, ev)
		}
	}
}

func TestOneAllocation(t *testing.T) {
	dec, msg := common.NewDecoder(), []byte(`{"type":"message","room":"lobby","data":"gr\u00fc\u00dfe"}`)
	n := testing.AllocsPerRun(100, func() {
		obj, err := dec.Object(msg)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := (chat.Message{}).Validate(obj); err != nil {
			t.Fatal(err)
		}
	})
	if n != 1 {
		t.Errorf("%v allocations", n)
	}
}
