package trading_test

import (
	"errors"
	"strings"
	"testing"
	"unsafe"

	"backbone/internal/domain/common"
	"backbone/internal/domain/trading"
	"backbone/protocol"
)

func validate(t testing.TB, msg string) (common.Event, error) {
	t.Helper()
	obj, err := common.NewDecoder().Object([]byte(msg))
	if err != nil {
		t.Fatalf("%s: %v", msg, err)
	}
	return trading.PriceUpdate{}.Validate(obj)
}

func TestPriceUpdate(t *testing.T) {
	t.Parallel()
	var d trading.PriceUpdate
	if d.Type() != "price_update" || d.Sender() != protocol.Ingestor || d.RoomField() != "instrument" || d.MembersOnly() || !d.State() {
		t.Errorf("%q of %s, room in %q, members only %v", d.Type(), d.Sender(), d.RoomField(), d.MembersOnly())
	}
	const msg = `{"id":"7","ts":1710000000,"price":60214.30,"instrument":"BTC\u005fUSDT","type":"price_update"}`
	got, err := validate(t, msg)
	want := common.Event{
		Room:    "BTC_USDT",
		Payload: `{"type":"price_update","instrument":"BTC_USDT","price":60214.30,"ts":1710000000}`,
	}
	if err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	const price, ts = "invalid_event: price: ", "invalid_event: ts: must be an integer from 0 to 2^63-1, without fraction or exponent"
	digits := strings.Repeat("9", protocol.MaxPriceLength)
	for _, tt := range []struct{ price, ts, want string }{
		{`60214.3`, `1710000000`, ``},
		{`1.10`, `0`, ``},
		{`1E5`, `9223372036854775807`, ``},
		{`1e+5`, `1`, ``},
		{`-37.63`, `1`, ``},
		{`-0`, `1`, ``},
		{`0.000`, `1`, ``},
		{`0e-999`, `1`, ``},
		{`1e-308`, `1`, ``},
		{`-9e-309`, `1`, price + `must be 0, or at least 1e-308 away from it, got -9e-309`},
		{`1e-999`, `1`, price + `must be 0, or at least 1e-308 away from it, got 1e-999`},
		{`1.7976931348623157e308`, `1`, ``},
		{digits, `1`, ``},
		{"-" + digits[1:], `1`, ``},
		{digits + "0", `1`, price + `must have at most 64 characters, got 65`},
		{`1e999`, `1`, price + `must be finite as a float64, got 1e999`},
		{`-1E309`, `1`, price + `must be finite as a float64, got -1E309`},
		{`1.7976931348623159e308`, `1`, price + `must be finite as a float64, got 1.7976931348623159e308`},
		{`"60214.3"`, `1`, price + `must be a JSON number, got string`},
		{`null`, `1`, price + `must be a JSON number, got null`},
		{`1`, `9223372036854775808`, ts},
		{`1`, `99999999999999999999999`, ts},
		{`1`, `-1`, ts},
		{`1`, `-0`, ts},
		{`1`, `1.0`, ts},
		{`1`, `1e3`, ts},
		{`1`, `"1"`, `invalid_event: ts: must be a JSON number, got string`},
		{`1`, `true`, `invalid_event: ts: must be a JSON number, got boolean`},
	} {
		ev, err := validate(t, `{"type":"price_update","instrument":"A","price":`+tt.price+`,"ts":`+tt.ts+`}`)
		switch {
		case err != nil && err.Error() != tt.want:
			t.Errorf("price %s, ts %s\n got %s\nwant %s", tt.price, tt.ts, err, tt.want)
		case err == nil && tt.want != "":
			t.Errorf("price %s, ts %s: taken", tt.price, tt.ts)
		case err == nil && ev.Payload != `{"type":"price_update","instrument":"A","price":`+tt.price+`,"ts":`+tt.ts+`}`:
			t.Errorf("price %s, ts %s: became %s", tt.price, tt.ts, ev.Payload)
		}
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ fields, want string }{
		{`"price":1,"ts":1`, `invalid_event: instrument: is required`},
		{`"instrument":"A","ts":1`, `invalid_event: price: is required`},
		{`"instrument":"A","price":1`, `invalid_event: ts: is required`},
		{`"instrument":5,"price":1,"ts":1`, `invalid_event: instrument: must be a JSON string, got number`},
		{`"instrument":"A B ","price":1,"ts":1`, `invalid_room: instrument: must not begin or end with a blank, got "A B "`},
		{`"instrument":"A","price":1,"ts":1,"snapshot":true`, `unknown_field: snapshot: unknown field, price_update has instrument, price, ts, data, type, id`},
		{`"instrument":"A","Price":1,"ts":1`, `unknown_field: Price: unknown field, did you mean price?`},
		// An unknown field first, then instrument, price, ts.
		{`"x":1`, `unknown_field: x: unknown field, price_update has instrument, price, ts, data, type, id`},
		{`"ts":"1","price":"1","instrument":""`, `invalid_room: instrument: must not be empty, got ""`},
		{`"ts":"1","price":"1","instrument":"A"`, `invalid_event: price: must be a JSON number, got string`},
	} {
		ev, err := validate(t, `{"type":"price_update",`+tt.fields+`}`)
		if coded, ok := errors.AsType[*common.RequestError](err); !ok || coded.Error() != tt.want {
			t.Errorf("%s\n got %v\nwant %s", tt.fields, err, tt.want)
		}
		if ev != (common.Event{}) {
			t.Errorf("%s: refused, and still %+v", tt.fields, ev)
		}
	}
}

func TestData(t *testing.T) {
	t.Parallel()
	deep := func(n int) string { return strings.Repeat(`{"a":`, n-1) + `{}` + strings.Repeat(`}`, n-1) }
	large := func(n int) string { return `{"a":"` + strings.Repeat("x", n-len(`{"a":""}`)) + `"}` }
	for _, data := range []string{
		`{}`, `{ "size" : 1.50, "side":"buy", "\u0061":[ {}, null ] }`, `{"a":1,"a":2}`, `{"snapshot":true}`,
		deep(protocol.MaxDataDepth), `{"a":"` + strings.Repeat("[{", 20) + `"}`, large(protocol.MaxDataBytes),
	} {
		ev, err := validate(t, `{"data":`+data+`,"type":"price_update","instrument":"A","price":1,"ts":2,"id":"7"}`)
		if want := `{"type":"price_update","instrument":"A","price":1,"ts":2,"data":` + data + `}`; err != nil || ev.Payload != want {
			t.Errorf("%.60s: became %.100s, %v", data, ev.Payload, err)
		}
	}
	for data, want := range map[string]string{
		`"x"`:                            `invalid_event: data: must be a JSON object, got string`,
		`[1]`:                            `invalid_event: data: must be a JSON object, got array`,
		`null`:                           `invalid_event: data: must be a JSON object, got null`,
		large(protocol.MaxDataBytes + 1): `invalid_event: data: must have at most 4096 bytes, got 4097`,
		deep(protocol.MaxDataDepth + 1):  `invalid_event: data: must be nested at most 16 deep, got 17`,
	} {
		_, err := validate(t, `{"type":"price_update","instrument":"A","price":1,"ts":2,"data":`+data+`}`)
		if err == nil || err.Error() != want {
			t.Errorf("%.60s\n got %v\nwant %s", data, err, want)
		}
	}
}

func TestOneAllocation(t *testing.T) {
	dec := common.NewDecoder()
	domains := common.NewDomains(trading.PriceUpdate{})
	for _, msg := range []string{
		`{"type":"price_update","instrument":"BTC_USDT","price":60214.3,"ts":1710000000}`,
		`{"type":"price_update","instrument":"` + strings.Repeat("A", 64) + `","price":1e-5,"ts":9223372036854775807}`,
	} {
		msg := []byte(msg)
		var ev common.Event
		n := testing.AllocsPerRun(100, func() {
			obj, err := dec.Object(msg)
			if err != nil {
				t.Fatal(err)
			}
			domain, _ := domains.Lookup(obj.Type())
			if ev, err = domain.Validate(obj); err != nil {
				t.Fatal(err)
			}
		})
		if n != 1 {
			t.Errorf("%s: %v allocations", msg, n)
		}
		if at := strings.Index(ev.Payload, ev.Room); unsafe.StringData(ev.Room) != unsafe.StringData(ev.Payload[at:]) {
			t.Errorf("%s: the room is not a part of the payload", msg)
		}
		// The event outlives the message, whose memory is used again.
		before := strings.Clone(ev.Payload)
		clear(msg)
		if ev.Payload != before {
			t.Errorf("the event became %q", ev.Payload)
		}
	}
}
