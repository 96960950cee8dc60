package client

import (
	"encoding/json"
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
	ts, zero := int64(1710000000), int64(0)
	for _, m := range []protocol.ServerMessage{
		{Type: protocol.TypePriceUpdate, Instrument: "BTC_USDT", Price: "60214.3", TS: &ts},
		{Type: protocol.TypePriceUpdate, Instrument: "BTC_USDT", Price: "60214.3", TS: &ts, Snapshot: true},
		{Type: protocol.TypePriceUpdate, Instrument: "a", Price: "-0.50E-10", TS: &zero},
		{Type: protocol.TypeConflated, Room: "BTC_USDT", Skipped: 37},
	} {
		b := m.Append(nil)
		ev, ok := parseEvent(b, nil)
		if want := slowEvent(b); !ok || !reflect.DeepEqual(ev, want) {
			t.Errorf("%s: %#v, %v, want %#v", b, ev, ok, want)
		}
	}
	if ev, ok := parseEvent([]byte(protocol.Conflated("BTC_USDT", 1<<59)), nil); !ok || ev != (Conflated{"BTC_USDT", 1 << 59}) {
		t.Errorf("conflated: %#v, %v", ev, ok)
	}
	if id, ok := parseAck(protocol.ServerMessage{Type: protocol.TypeAck, ID: "120"}.Append(nil)); !ok || id != 120 {
		t.Errorf("ack: %d, %v", id, ok)
	}
}

func TestNumberLen(t *testing.T) {
	for s, want := range map[string]int{
		"": 0, "-": 0, "a": 0, "0": 1, "-0": 2, "00": 0, "01": 0, "10,": 2, "1.": 0, "1.5": 3, ".5": 0,
		"1e": 0, "1e5": 3, "1E+05": 5, "1e-": 0, "1.0e1.0": 5, "+1": 0,
	} {
		if got := numberLen(s); got != want {
			t.Errorf("%q: %d, want %d", s, got, want)
		}
	}
}

func TestParsePriceAllocatesOnlyWhatItGivesAway(t *testing.T) {
	msg, rooms := []byte(benchPrice), map[string]string{"BTC_USDT": "BTC_USDT"}
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
		`{"type":"conflated","room":"BTC_USDT","skipped":37}`,
		`{"type":"ack","id":"120"}`,
		`{"type":"ack","id":"0120"}`,
		`{"type":"message","room":"lobby","data":"x"}`,
		`{"type":"joined","rooms":["A"],"rejected":[{"room":"b","code":"c","message":"d"}]}`,
		`[]`, ``, `{`,
	} {
		f.Add([]byte(s))
	}
	rooms := map[string]string{"BTC_USDT": "BTC_USDT"}
	f.Fuzz(func(t *testing.T, b []byte) {
		want := slowEvent(b)
		if ev, ok := parseEvent(b, rooms); ok && !reflect.DeepEqual(ev, want) {
			t.Errorf("%q: fast %#v, slow %#v", b, ev, want)
		}
		if id, ok := parseAck(b); ok {
			var m protocol.ServerMessage
			if err := json.Unmarshal(b, &m); err != nil || m.Type != protocol.TypeAck || parseID(m.ID) != id {
				t.Errorf("%q: fast ack %d, slow %+v, %v", b, id, m, err)
			}
		}
	})
}
