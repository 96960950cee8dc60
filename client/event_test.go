package client

import (
	"encoding/json"
	"math"
	"reflect"
	"testing"

	"backbone/protocol"
)

func slowEvent(b []byte) Event {
	var m protocol.ServerMessage
	if json.Unmarshal(b, &m) != nil {
		return Unknown{Raw: b}
	}
	return toEvent(&m, b)
}

// The server's own writing must take the fast path, or its speed is lost unnoticed.
func TestFastPathTakesWhatServersWrite(t *testing.T) {
	ts, zero, latest := int64(1710000000), int64(0), int64(math.MaxInt64)
	for _, m := range []protocol.ServerMessage{
		{Type: protocol.TypePriceUpdate, Instrument: "BTC_USDT", Price: "60214.3", TS: &ts},
		{Type: protocol.TypePriceUpdate, Instrument: "BTC_USDT", Price: "60214.3", TS: &ts, Snapshot: true},
		{Type: protocol.TypePriceUpdate, Instrument: "B", Price: "1", TS: &zero, Data: json.RawMessage(`{"a":"}\\\"{","b":[{}]}`)},
		{Type: protocol.TypePriceUpdate, Instrument: "B", Price: "1", TS: &latest},
		{Type: protocol.TypePriceUpdate, Instrument: "B", Price: "1", TS: &zero, Data: json.RawMessage(`{}`), Snapshot: true},
		{Type: protocol.TypePriceUpdate, Instrument: "a", Price: "-0.50E-10", TS: &zero},
		{Type: protocol.TypeConflated, Room: "BTC_USDT", Skipped: 37},
	} {
		b := m.Append(nil)
		ev, ok := parseEvent(b, &joinedRooms{})
		if want := slowEvent(b); !ok || !reflect.DeepEqual(ev, want) {
			t.Errorf("%s: %#v, %v, want %#v", b, ev, ok, want)
		}
	}
	if ev, ok := parseEvent([]byte(protocol.Conflated("BTC_USDT", 1<<59)), &joinedRooms{}); !ok || ev != Event(Conflated{"BTC_USDT", 1 << 59}) {
		t.Errorf("conflated: %#v, %v", ev, ok)
	}
	if id, ok := protocol.ScanAck(protocol.ServerMessage{Type: protocol.TypeAck, ID: "120"}.Append(nil)); !ok || id != 120 {
		t.Errorf("ack: %d, %v", id, ok)
	}
}

func TestParsePriceAllocatesOnlyWhatItGivesAway(t *testing.T) {
	msg, rooms := []byte(benchPrice), &joinedRooms{names: map[string]string{"BTC_USDT": "BTC_USDT"}}
	if n := testing.AllocsPerRun(100, func() { parseEvent(msg, rooms) }); n > 2 {
		t.Errorf("%v allocations, want the price and the event", n)
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		benchPrice,
		`{"type":"price_update","instrument":"BTC_USDT","price":1.10,"ts":0,"snapshot":true}`,
		`{"type":"price_update","instrument":"B","price":-0.5e+3,"ts":999999999999999999}`,
		`{"type":"price_update","instrument":"B","price":1,"ts":9223372036854775808}`,
		`{"type":"price_update","instrument":"B\u0041","price":1,"ts":1}`,
		`{"type":"price_update","instrument":"","price":1,"ts":1}`,
		`{"type":"price_update","instrument":"B","price":1,"ts":01}`,
		`{"type":"price_update","instrument":"B","price":1,"ts":1,"data":{"size":5,"x":"\\"}"}}`,
		`{"type":"price_update","instrument":"B","price":1,"ts":1,"data":{"a":{},"snapshot":true}}`,
		`{"type":"price_update","instrument":"B","price":1,"ts":1,"data":{"a":[1,{}]},"snapshot":true}`,
		`{"type":"price_update","instrument":"B","price":1,"ts":1,"data":{"a":}}`,
		`{"type":"price_update","instrument":"B","price":1,"ts":1,"data":"x"}`,
		`{"type":"price_update","instrument":"B","price":1,"ts":1,"data":null}`,
		`{"type":"conflated","room":"BTC_USDT","skipped":37}`,
		`{"type":"ack","id":"120"}`,
		`{"type":"ack","id":"0120"}`,
		`{"type":"message","room":"lobby","data":"x"}`,
		`{"type":"joined","rooms":["A"],"rejected":[{"room":"b","code":"c","message":"d"}]}`,
		`[]`, ``, `{`,
	} {
		f.Add([]byte(s))
	}
	rooms := &joinedRooms{names: map[string]string{"BTC_USDT": "BTC_USDT"}}
	f.Fuzz(func(t *testing.T, b []byte) {
		want := slowEvent(b)
		if ev, ok := parseEvent(b, rooms); ok && !reflect.DeepEqual(ev, want) {
			t.Errorf("%q: fast %#v, slow %#v", b, ev, want)
		}
		if id, ok := protocol.ScanAck(b); ok {
			var m protocol.ServerMessage
			if err := json.Unmarshal(b, &m); err != nil || m.Type != protocol.TypeAck || parseID(m.ID) != id {
				t.Errorf("%q: fast ack %d, slow %+v, %v", b, id, m, err)
			}
		}
	})
}
